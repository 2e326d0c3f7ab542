import pytest
import torch
from mmengine.config import Config
from oracles import slowfast_by_key
from oracles.by_key import draw
from recognizer_checks import (
    CONFIGS,
    build_from_config,
    check_bfloat16,
    check_overfits,
    check_round_trip,
    count_parameters,
)
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines import FTCN
from mmdeepfake.models.conversion import convert
from mmdeepfake.models.conversion.ftcn import RULES
from mmdeepfake.registry import MODELS

PUBLISHED = 'published/ftcn_ffpp_lq.py'
FFPP = 'baselines/ftcn_ffpp_lq.py'
MINIFF = 'miniff/ftcn_small_miniff.py'


def build_on_meta(name=PUBLISHED):
    with torch.device('meta'):
        return MODELS.build(Config.fromfile(CONFIGS / name).model)


@pytest.fixture(scope='module')
def public_state():
    torch.manual_seed(0)
    return draw(slowfast_by_key.ftcn_shapes(), dtype=torch.float64)


@pytest.mark.parametrize('name', [PUBLISHED, FFPP])
def test_parameters_are_those_of_the_specification(name):
    model = build_on_meta(name)
    assert count_parameters(model.backbone) == 6_347_584
    # The paper has one logit, of 1,024 weights and a bias.
    assert count_parameters(model.cls_head) - 1_025 == 8_418_305
    assert count_parameters(model) - 1_025 == 14_765_889


def test_sizes_are_those_of_the_paper():
    clip = torch.empty(1, 3, 32, 224, 224, device='meta')
    assert build_on_meta().backbone(clip).shape == (1, 1024, 16, 14, 14)
    # Half the frames leave as many steps in time where it is not pooled.
    assert build_on_meta(FFPP).backbone(clip[:, :, ::2]).shape == (1, 1024, 16, 14, 14)


def test_no_convolution_reaches_a_neighbouring_position():
    convs = [m for m in build_on_meta().modules() if isinstance(m, nn.Conv3d)]
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


def load_public(state):
    model = build_on_meta().to_empty(device='cpu').double()
    converted, report = convert(state, RULES, model.state_dict())
    assert (report.missing, report.unexpected, report.mismatched) == ((), {}, {})
    model.load_state_dict(converted)
    return model.train(False)


def test_scores_equal_the_public_ones_on_the_same_weights(public_state):
    clip = torch.randn(1, 3, 32, 32, 48, dtype=torch.float64)
    model = load_public(public_state)
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
    backbone = load_public(public_state).backbone
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
    for name, tensor in load_public(public_state).backbone.named_parameters():
        assert torch.equal(backbone.get_parameter(name), tensor.float()), name
    assert f'FTCN: initial weights from {tmp_path / "ftcn_tt.pth"}' in log_lines


def test_clips_of_another_length_are_refused():
    head = build_from_config(MINIFF).cls_head
    message = r'got 8 time steps and has learned positions of num_tokens = 16'
    with pytest.raises(ConfigError, match=message):
        head.classify(torch.randn(1, 256, 8, 2, 2))


def test_a_token_knows_its_place_in_time():
    head = build_from_config(MINIFF).cls_head.train(False)
    maps = torch.randn(1, 256, 16, 2, 2)
    with torch.no_grad():
        assert not torch.allclose(head.classify(maps), head.classify(maps.flip(2)))
        head.position.zero_()
        torch.testing.assert_close(head.classify(maps), head.classify(maps.flip(2)))


def test_it_trains_and_tests_in_bfloat16():
    check_bfloat16(build_from_config(MINIFF), torch.randn(2, 2, 3, 16, 32, 32), [0, 1])


def test_it_learns_four_videos_of_noise_by_heart(tmp_path):
    model = build_from_config(MINIFF)
    clips, labels = torch.randn(4, 1, 3, 16, 32, 32), [0, 1, 0, 1]
    check_overfits(model, clips, labels, learning_rate=1e-3)
    check_round_trip(model, lambda: build_from_config(MINIFF), clips, tmp_path)
