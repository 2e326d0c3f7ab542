import numpy as np
import pytest
import torch
from mmengine.config import Config
from recognizer_checks import TWO_STAGES
from tool_runs import ROOT

from mmdeepfake.commands.complexity import find_input_shape
from mmdeepfake.commands.speed.models import (
    CONFIGS,
    MODELS,
    SpeedRow,
    find_models,
    format_speed,
    measure_times,
)
from mmdeepfake.commands.speed.timed_model import (
    SpeedSettings,
    TimedModel,
    build_random_model,
    count_frames,
    with_channels_last,
)
from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError

SHAPE = (4, 3, 32, 32)
SMALL = {f'model.backbone.{name}': value for name, value in TWO_STAGES.items()}
SMALL['model.cls_head.in_channels'] = 128


@pytest.fixture
def cfg():
    return load_config(ROOT / 'configs/miniff/resnet_r18_miniff.py', SMALL)


def make_model(cfg, *, shape=SHAPE, num_videos=2, **settings):
    torch.manual_seed(0)
    return TimedModel(
        cfg, shape=shape, num_videos=num_videos, settings=SpeedSettings(**settings)
    )


def test_forward_returns_the_logits_of_the_config_s_model(cfg):
    found = make_model(cfg)
    torch.manual_seed(0)
    model = build_random_model(cfg)
    model.train(False)
    frames = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))
    features = model.backbone(frames.flatten(0, 1)).mean(dim=(2, 3))
    expected = model.cls_head.fc_cls(features).unflatten(0, (2, 4)).mean(dim=1)
    torch.testing.assert_close(found.forward(), expected)
    assert not found.forward().requires_grad


def test_a_train_step_changes_the_weights_and_a_forward_pass_none(cfg):
    model = make_model(cfg)
    before = model.forward()
    torch.testing.assert_close(model.forward(), before, rtol=0, atol=0)
    losses = [float(model.train_step()) for _ in range(4)]
    assert losses[-1] < losses[0]
    assert not torch.equal(model.forward(), before)


@pytest.mark.parametrize(
    ('settings', 'tolerance'),
    [({'channels_last': True}, 1e-4), ({'dtype': 'bfloat16'}, 5e-2)],
)
def test_layout_and_mixed_precision_keep_the_logits(cfg, settings, tolerance):
    expected = make_model(cfg).forward()
    model = make_model(cfg, **settings)
    found = model.forward()
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    assert found.dtype == torch.float32
    assert torch.isfinite(model.train_step())


@pytest.mark.parametrize(
    ('shape', 'form'),
    [((5, 4, 3, 8, 9), torch.channels_last),
     ((5, 2, 3, 4, 8, 9), torch.channels_last_3d)],
)  # fmt: skip
def test_folded_frames_lie_channels_last(shape, form):
    videos = torch.randn(shape)
    ordered = with_channels_last(videos)
    assert torch.equal(ordered, videos)
    folded = ordered.flatten(0, 1)
    assert folded.is_contiguous(memory_format=form)
    assert folded.data_ptr() == ordered.data_ptr()


@pytest.mark.parametrize('name', MODELS)
def test_frames_of_the_built_in_models_are_counted(name):
    cfg = Config.fromfile(CONFIGS / MODELS[name])
    # By their recipes: 8 frames spread over the video, STIL 16 of them at test.
    frames = {'TEI': [8, 8], 'STIL': [8, 16]}.get(name, [16, 32])
    shapes = [find_input_shape(cfg, split=split) for split in ('train', 'test')]
    assert list(map(count_frames, shapes)) == frames


def test_weights_named_in_a_config_are_not_loaded(cfg):
    cfg.model.backbone.pretrained = 'https://no.such.host/weights.pth'
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='/none.pth')
    build_random_model(cfg)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [(dict(device='tpu'), '--device tpu'), (dict(device='cuda'), '--device cpu')],
)
def test_settings_that_cannot_run_are_refused(monkeypatch, settings, message):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ConfigError, match=message):
        SpeedSettings(**settings)


def test_two_configs_of_one_name_are_two_models():
    folders = ('baselines', 'published')
    words = [str(ROOT / 'configs' / folder / 'stil_ffpp_lq.py') for folder in folders]
    assert list(find_models(words, None)) == ['stil_ffpp_lq', words[1]]


# Times and their table


def make_row(name, *, num_frames=16, num_videos=1, **values):
    return SpeedRow(
        name=name, config='', split='train', frames='', num_frames=num_frames,
        num_videos=num_videos, parameters=1_000_000, gmacs=1.0, **values,
    )  # fmt: skip


class CountingModel:
    """Notes its name whenever it is run, and fails from a certain run on."""

    def __init__(self, name, order, *, fails_at=None):
        self._name, self._order, self._fails_at = name, order, fails_at

    def run(self, mode):
        self._order.append(self._name)
        if self._order.count(self._name) == self._fails_at:
            raise RuntimeError('out of memory\nTried to allocate')


def run_counting_models(*, repeats=3, **fails_at):
    order = []
    models = {n: CountingModel(n, order, fails_at=fails_at.get(n)) for n in 'ABC'}
    rows = {name: make_row(name) for name in models}
    measure_times([(rows[n], models[n]) for n in models], 'train', repeats)
    return order, rows


def test_rounds_go_over_all_and_each_begins_one_later():
    order, rows = run_counting_models()
    # Three passes a turn: the first two warm up.
    assert ''.join(order[::3]) == 'ABC' + 'BCA' + 'CAB'
    assert {len(row.seconds['train']) for row in rows.values()} == {3}


@pytest.mark.parametrize('fails_at', [1, 3, 5])
def test_a_model_that_fails_leaves_and_the_others_go_on(fails_at):
    order, rows = run_counting_models(B=fails_at)
    assert order.count('B') == fails_at
    assert rows['B'].seconds == {}
    assert rows['B'].faults == {'train': 'out of memory'}
    assert len(rows['A'].seconds['train']) == len(rows['C'].seconds['train']) == 3


def test_drift_of_the_machine_leaves_paired_ratios():
    drift = np.array([1.0, 1.5, 4.0])
    floor = make_row('floor', seconds={'train': list(2 * drift)})
    other = make_row('other', seconds={'train': list(3 * drift)})
    text = format_speed([floor, other], {})
    assert '| floor |  | 1 | 1.00 | 1.0 | 3000 [2500, 5500] | 1.00 | - | - |' in text
    assert '| other |  | 1 | 1.00 | 1.0 | 4500 [3750, 8250] | 1.50 | - | - |' in text


def test_time_and_memory_are_compared_for_as_many_frames():
    values = dict(seconds={'train': [1.0]}, peak_bytes={'train': 10**8})
    floor = make_row('floor', num_videos=3, **values)
    row = make_row('row', num_frames=8, num_videos=3, **values)
    text = format_speed([floor, row], {})
    assert '| row |  | 3 | 1.00 | 1.0 | 333 | 2.00 | 100 | 2.00 |' in text
