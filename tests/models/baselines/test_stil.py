import numpy as np
import pytest
import torch
from mmaction.models.backbones.resnet_tsm import TemporalShift
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS
from oracles import stil_in_loops, stil_on_slices
from oracles.by_key import draw
from recognizer_checks import CONFIGS, load_public

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.stil import (
    SpatialInconsistency,
    STILNet,
    TemporalInconsistency,
)
from mmdeepfake.models.conversion.stil import RULES
from mmdeepfake.registry import MODELS

FFPP, MINIFF = 'baselines/stil_ffpp_lq.py', 'miniff/stil_small_miniff.py'
OWN_PARTS = ('.tim.', '.ism.', '.shift.', '.f_w.', '.f_h.')


def draw_public(stage_blocks):
    return draw(stil_on_slices.public_shapes(stage_blocks), dtype=torch.float64)


def build(path, **backbone):
    cfg = Config.fromfile(CONFIGS / path)
    cfg.model.backbone.update(pretrained=None, **backbone)
    blocks = cfg.model.backbone.stage_blocks
    cfg.model.cls_head.in_channels = 128 * 2 ** len(blocks)
    return MODELS.build(cfg.model)


def build_with(state, stage_blocks, num_segments):
    model = build(MINIFF, stage_blocks=stage_blocks, num_segments=num_segments)
    return load_public(model.double(), state, RULES)


def part_of(state, prefix):
    return {
        name.removeprefix(prefix): tensor.numpy()
        for name, tensor in state.items()
        if name.startswith(prefix)
    }


@pytest.fixture
def drawn():
    state = draw_public((1,))
    return state, build_with(state, (1,), num_segments=3).backbone.layer1[0]


def as_array(x):
    return x.detach().numpy()


@torch.no_grad()
def test_tim_matches_the_loops(drawn):
    state, block = drawn
    x = torch.randn(6, 32, 5, 7, dtype=torch.float64)
    expected = stil_in_loops.temporal_inconsistency(
        as_array(x), part_of(state, 'layer1.0.tim.'), 3
    )
    np.testing.assert_allclose(as_array(block.tim(x)), expected, rtol=1e-9, atol=1e-12)
    assert np.abs(expected - as_array(x)).max() > 0.1


@torch.no_grad()
def test_ism_matches_the_loops(drawn):
    state, block = drawn
    x = torch.randn(2, 32, 3, 4, dtype=torch.float64)
    taps = as_array(state['layer1.0.ism.conv.weight'][0, 0])
    expected = stil_in_loops.information_supplement(as_array(x), taps)
    np.testing.assert_allclose(as_array(block.ism(x)), expected, rtol=1e-9)


@torch.no_grad()
def test_sim_and_what_ism_reads_match_the_loops(drawn):
    state, block = drawn
    x = torch.randn(1, 32, 8, 9, dtype=torch.float64)
    expected = stil_in_loops.spatial_inconsistency(
        as_array(x), part_of(state, 'layer1.0.scconv.')
    )
    for ours, theirs in zip(block.scconv(x), expected, strict=True):
        np.testing.assert_allclose(as_array(ours), theirs, rtol=1e-8, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize('stage_blocks', [(1,), (2, 1)])
def test_network_equals_the_public_layout_on_the_same_weights(stage_blocks):
    state = draw_public(stage_blocks)
    model = build_with(state, stage_blocks, num_segments=4)
    frames = torch.randn(2, 8, 3, 41, 35, dtype=torch.float64)
    expected = stil_on_slices.network(
        frames, state, num_segments=4, stage_blocks=stage_blocks
    )
    scores, _ = model.extract_feat(frames, stage='head')
    torch.testing.assert_close(scores, expected, rtol=1e-7, atol=1e-9)
    assert (expected[0] - expected[1]).abs().max() > 1e-3


def test_parameters_are_those_of_the_specification():
    with torch.device('meta'):
        model = build(FFPP)
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    for part, expected in (('shift', 5_664), ('tim', 83_120), ('ism', 48)):
        assert sum(n for name, n in sizes.items() if f'.{part}.' in name) == expected


@torch.no_grad()
def test_fresh_tim_leaves_a_still_video_unchanged_where_the_match_is_the_identity():
    tim = TemporalInconsistency(32, num_segments=4).eval()
    for branch, centre in ((tim.height, (1, 0)), (tim.width, (0, 1))):
        branch.match.weight.zero_()
        branch.match.weight[:, :, centre[0], centre[1]] = 1
    x = torch.randn(1, 32, 6, 6).expand(4, -1, -1, -1)
    assert torch.equal(tim(x), x)


@torch.no_grad()
def test_attention_stays_within_half():
    tim = TemporalInconsistency(32, num_segments=4).eval()
    x = 1e4 * torch.rand(4, 32, 6, 6) + 1
    ratio = tim(x) / x
    assert 0.5 - 1e-6 <= ratio.min() < 0.6 and 1.4 < ratio.max() <= 1.5 + 1e-6


def test_shift_starts_as_tsm():
    network = STILNet(stage_blocks=(1,), num_segments=8)
    network.init_weights()
    x = torch.randn(16, 32, 3, 3)
    expected = TemporalShift.shift(x, 8, shift_div=8)
    assert torch.equal(network.layer1[0].shift(x), expected)


def test_convolutions_are_drawn_by_their_fan_out():
    network = STILNet(stage_blocks=(1, 1))
    network.init_weights()
    weight = network.layer2[0].conv1_a.weight.detach()  # from 256 channels to 64
    assert weight.std() == pytest.approx((2 / 64) ** 0.5, rel=0.05)


@torch.no_grad()
def test_sixteen_frames_are_two_groups_of_eight_in_the_order_of_time():
    model = build(MINIFF, stage_blocks=(1, 1))
    model.init_weights()
    model.eval()
    frames = torch.randn(1, 16, 3, 32, 32)
    whole = model.extract_feat(frames, stage='backbone')[0]
    halves = [
        model.extract_feat(half, stage='backbone')[0] for half in frames.split(8, 1)
    ]
    torch.testing.assert_close(whole, torch.cat(halves))
    scores, _ = model.extract_feat(frames, stage='head')
    by_half = [model.cls_head(half, num_segs=8) for half in halves]
    torch.testing.assert_close(scores, sum(by_half) / 2)
    changed = frames.clone()
    changed[:, 8] += 1
    other = model.extract_feat(changed, stage='backbone')[0]
    assert torch.equal(other[:8], whole[:8]) and not torch.equal(other[9], whole[9])


@torch.no_grad()
@pytest.mark.parametrize(('num_stages', 'side'), [(4, 97), (3, 49)])
def test_the_least_side_runs_and_one_pixel_less_is_refused(num_stages, side):
    network = STILNet(num_segments=2, stage_blocks=(2,) * num_stages).eval()
    assert network.min_side_px == side
    assert network(torch.randn(2, 3, side, side + 3))[0].shape[2:] == (4, 4)
    message = f'{side + 3} x {side - 1} px; with {num_stages} stages need {side} px'
    with pytest.raises(ConfigError, match=message):
        network(torch.randn(2, 3, side - 1, side + 3))


def test_the_gate_indeed_needs_four_by_four():
    with pytest.raises(RuntimeError, match='too small'):
        SpatialInconsistency(8)(torch.randn(1, 8, 3, 4))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(num_segments=1), 'num_segments = 1 of STILNet: need an integer'),
        (dict(stage_blocks=()), r'stage_blocks = \(\) of STILNet'),
        (dict(stage_blocks=(1, 0)), r'stage_blocks = \(1, 0\) of STILNet'),
        (dict(stage_blocks=(1,) * 5), 'need 1 to 4 numbers'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        STILNet(**options)


def test_frames_that_fill_no_group_are_refused():
    network = STILNet(num_segments=8, stage_blocks=(1,))
    with pytest.raises(ConfigError, match='got 12 frames, not a multiple'):
        network(torch.randn(12, 3, 32, 32))


def make_scnet_file(path, stage_blocks=(1, 1), **changes):
    """ImageNet weights of SCNet: no module of STIL's, a gate and a classifier more."""
    state = {
        name: tensor.float()
        for name, tensor in draw_public(stage_blocks).items()
        if not any(part in name for part in OWN_PARTS)
    }
    state['layer1.0.scconv.k2.1.weight'] = torch.zeros(32, 32, 3, 3)
    state['fc.weight'] = torch.zeros(1000, 256)
    state.update(changes)
    torch.save(
        {name: tensor for name, tensor in state.items() if tensor is not None}, path
    )
    return state


def test_scnet_weights_are_loaded_and_the_rest_is_drawn(tmp_path, log_lines):
    path = str(tmp_path / 'scnet.pth')
    state = make_scnet_file(path)
    network = STILNet(num_segments=4, stage_blocks=(1, 1), pretrained=path)
    network.init_weights()
    loaded = network.state_dict()
    for name, tensor in state.items():
        if 'k2' not in name and not name.startswith('fc.'):
            assert torch.equal(loaded[name], tensor), name
    gate = network.layer1[0].scconv.gate_row[0].weight.detach()
    assert gate.std() == pytest.approx((2 / (32 * 3)) ** 0.5, rel=0.1)
    assert f'STILNet: initial weights from {path}' in log_lines


@pytest.mark.parametrize(
    'changes',
    [
        {'layer2.0.k1.0.weight': None},
        {'layer2.0.k1.0.weight': torch.zeros(32, 32, 3, 3)},
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, changes):
    path = str(tmp_path / 'other.pth')
    make_scnet_file(path, **changes)
    network = STILNet(stage_blocks=(1, 1), pretrained=path)
    with pytest.raises(ConfigError, match=r"1 of the .* 'layer2\.0\.k1\.0\.weight'"):
        network.init_weights()


def test_benchmark_config_takes_eight_frames_and_tests_sixteen():
    cfg = Config.fromfile(CONFIGS / FFPP)
    samplers = [
        cfg[f'{name}_dataloader'].dataset.pipeline[1]
        for name in ('train', 'val', 'test')
    ]
    assert [(s.num_snippets, s.clip_len) for s in samplers] == [
        (8, 1),
        (16, 1),
        (16, 1),
    ]
    assert cfg.model.backbone.num_segments == 8


def test_published_recipe_steps_its_learning_rate_as_the_public_code():
    """A warm-up epoch, then 1e-3 for 5 epochs, 1e-4 up to 20, 5e-5 from there on."""
    cfg = Config.fromfile(CONFIGS / 'published/stil_ffpp_lq.py')
    weight = torch.nn.Parameter(torch.zeros(1))
    options = {k: v for k, v in cfg.optim_wrapper.optimizer.items() if k != 'type'}
    optimiser = torch.optim.Adam([weight], **options)
    assert optimiser.defaults['weight_decay'] == 1e-5
    epoch_length, rates = 10, []
    schedulers = [
        PARAM_SCHEDULERS.build(
            {**scheduler, 'optimizer': optimiser, 'epoch_length': epoch_length}
        )
        for scheduler in cfg.param_scheduler
    ]
    for _ in range(30):
        for _ in range(epoch_length):
            rates.append(optimiser.param_groups[0]['lr'])
            optimiser.step()
            for scheduler in schedulers:
                if not scheduler.by_epoch:
                    scheduler.step()
        for scheduler in schedulers:
            if scheduler.by_epoch:
                scheduler.step()
    first, rest = rates[:epoch_length], rates[epoch_length::epoch_length]
    assert first == sorted(first) and first[0] < 1e-5
    assert rest == pytest.approx([1e-3] * 5 + [1e-4] * 15 + [5e-5] * 9)
