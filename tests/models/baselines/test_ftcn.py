import pytest
import torch
from oracles import slowfast_by_key
from oracles.by_key import draw
from recognizer_checks import build_from_config, build_on_meta, load_public
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines import FTCN
from mmdeepfake.models.conversion.ftcn import RULES

PUBLISHED = 'published/ftcn_ffpp_lq.py'
FFPP = 'baselines/ftcn_ffpp_lq.py'
MINIFF = 'miniff/ftcn_small_miniff.py'


def load_network(state):
    return load_public(build_on_meta(PUBLISHED).double(), state, RULES)


@pytest.fixture(scope='module')
def public_state():
    torch.manual_seed(0)
    return draw(slowfast_by_key.ftcn_shapes(), dtype=torch.float64)


def test_sizes_are_those_of_the_paper():
    clip = torch.empty(1, 3, 32, 224, 224, device='meta')
    assert build_on_meta(PUBLISHED).backbone(clip).shape == (1, 1024, 16, 14, 14)
    # Half the frames leave as many steps in time where it is not pooled.
    assert build_on_meta(FFPP).backbone(clip[:, :, ::2]).shape == (1, 1024, 16, 14, 14)


def test_no_convolution_reaches_a_neighbouring_position():
    convs = [m for m in build_on_meta(PUBLISHED).modules() if isinstance(m, nn.Conv3d)]
    assert len(convs) == 1 + 3 * (3 + 4 + 6) + 3
    assert {conv.kernel_size[1:] for conv in convs} == {(1, 1)}
    assert {conv.stride for conv in convs} == {(1, 1, 1)}
    assert sorted(conv.kernel_size[0] for conv in convs) == [1] * 34 + [3] * 8 + [5]


def test_pixels_of_a_cell_can_be_swapped_if_all_frames_swap_them():
    backbone = build_from_config(MINIFF).backbone
    backbone.train(False)
    clip = torch.randn(1, 3, 4, 32, 32)
    cells = clip.unflatten(4, (16, 2)).unflatten(3, (16, 2)).transpose(4, 5)
    order = torch.stack([torch.randperm(4) for _ in range(16 * 16)]).view(16, 16, 4)
    flat = cells.flatten(5)  # (1, 3, T, 16, 16, 4)
    swapped = flat.gather(5, order.expand_as(flat))
    swapped = swapped.unflatten(5, (2, 2)).transpose(4, 5).flatten(5, 6).flatten(3, 4)
    assert not torch.equal(swapped, clip)
    with torch.no_grad():
        assert torch.equal(backbone(swapped), backbone(clip))
        # Another order in one frame is a change over time.
        swapped[:, :, 1] = clip[:, :, 1]
        assert not torch.allclose(backbone(swapped), backbone(clip))


def test_scores_equal_the_public_ones_on_the_same_weights(public_state):
    clip = torch.randn(1, 3, 32, 16, 32, dtype=torch.float64)
    model = load_network(public_state)
    expected = slowfast_by_key.features(public_state, clip, num_stages=3)
    logit = slowfast_by_key.time_transformer_logit(
        public_state, expected[0].mean(dim=(2, 3)).T, heads=16
    )
    with torch.no_grad():
        maps = model.backbone(clip)
        logits = model.cls_head.classify(maps)
    torch.testing.assert_close(maps, expected)
    torch.testing.assert_close(logits.softmax(dim=1)[0, 1:], logit.sigmoid())
    assert logits[0, 0] == 0


def test_clips_without_pooled_time_equal_the_public_ones(public_state):
    clip = torch.randn(1, 3, 6, 32, 32, dtype=torch.float64)
    backbone = load_network(public_state).backbone
    backbone.time_pool = nn.Identity()
    expected = slowfast_by_key.features(
        public_state, clip, num_stages=3, time_pool=False
    )
    with torch.no_grad():
        torch.testing.assert_close(backbone(clip), expected)


def test_pretrained_takes_all_but_the_head(public_state, tmp_path, log_lines):
    torch.save(public_state, tmp_path / 'ftcn_tt.pth')
    backbone = FTCN(pretrained=str(tmp_path / 'ftcn_tt.pth'))
    backbone.init_weights()
    for name, tensor in load_network(public_state).backbone.named_parameters():
        assert torch.equal(backbone.get_parameter(name), tensor.float()), name
    assert f'FTCN: initial weights from {tmp_path / "ftcn_tt.pth"}' in log_lines


def test_clips_of_another_length_are_refused():
    head = build_from_config(MINIFF).cls_head
    message = r'got 8 time steps, but num_tokens = 16'
    with pytest.raises(ConfigError, match=message):
        head.classify(torch.randn(1, 256, 8, 2, 2))
