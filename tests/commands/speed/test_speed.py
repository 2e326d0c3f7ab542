import json
import subprocess

import pytest
import torch
from mmengine.config import Config
from tool_runs import ROOT

from mmdeepfake.commands.complexity import find_input_shape
from mmdeepfake.commands.speed import speed_memory
from mmdeepfake.commands.speed.speed import CONFIGS, MODELS, find_models
from mmdeepfake.commands.speed.speed_memory import OutOfMemoryError, measure_peak_bytes
from mmdeepfake.commands.speed.speed_model import (
    SpeedModel,
    SpeedSettings,
    build_random_model,
    count_frames,
    optimizer_settings,
    with_channels_last,
)
from mmdeepfake.commands.speed.speed_table import (
    SpeedRow,
    SpeedSection,
    format_csv,
    judge_targets,
)
from mmdeepfake.commands.speed.speed_timing import Spread
from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError, DataError

SHAPE = (4, 3, 32, 32)


@pytest.fixture
def cfg():
    return load_config(ROOT / 'configs/miniff/resnet_r18_miniff.py')


def make_model(cfg, *, shape=SHAPE, num_videos=2, **settings):
    torch.manual_seed(0)
    return SpeedModel(
        cfg, shape=shape, num_videos=num_videos, settings=SpeedSettings(**settings)
    )


def test_forward_gives_the_logits_of_the_config_s_model(cfg):
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
    [({'channels_last': True}, 1e-4), ({'dtype': 'bf16'}, 5e-2)],
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


@pytest.mark.parametrize(
    ('name', 'split'),
    [(name, split) for name in MODELS for split in ('train', 'test')],
)
def test_frames_of_the_built_in_models_are_counted(name, split):
    cfg = Config.fromfile(CONFIGS / MODELS[name])
    # What their recipes say: 8 frames spread over the video, STIL 16 of them at test.
    frames = {'train': 16, 'test': 32}
    frames = {'TEI': dict(train=8, test=8), 'STIL': dict(train=8, test=16)}.get(
        name, frames
    )
    assert count_frames(find_input_shape(cfg, split=split)) == frames[split]


def test_weights_named_in_a_config_are_not_asked_for(cfg):
    cfg.model.backbone.pretrained = 'https://no.such.host/weights.pth'
    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint='/none.pth')
    build_random_model(cfg)


def test_fp16_scales_its_loss_and_bf16_does_not(cfg):
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.loss_scale = 512.0
    assert optimizer_settings(cfg, 'fp16')['loss_scale'] == 'dynamic'
    assert optimizer_settings(cfg, 'fp16')['type'] == 'AmpOptimWrapper'
    assert 'loss_scale' not in optimizer_settings(cfg, 'bf16')
    assert optimizer_settings(cfg, 'bf16')['clip_grad'] == cfg.optim_wrapper.clip_grad


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(device='tpu'), '--device tpu: allowed are cpu, cuda and cuda:INDEX'),
        (dict(device='cuda'), 'sees no CUDA device; run this command where there is'),
        (dict(dtype='fp16'), 'mixed precision on a CPU is bf16'),
    ],
)
def test_settings_that_cannot_run_are_refused(monkeypatch, settings, message):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ConfigError, match=message):
        SpeedSettings(**settings)


def test_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'VGG' is neither.*ResNet-50, RATFNet"):
        find_models(['VGG'], None)


def test_two_configs_of_one_name_are_two_models():
    folders = ('baselines', 'published')
    words = [str(ROOT / 'configs' / folder / 'stil_ffpp_lq.py') for folder in folders]
    assert list(find_models(words, None)) == ['stil_ffpp_lq', words[1]]


# Peak memory


@pytest.mark.slow
def test_peak_of_a_process_holds_what_a_step_must_hold(cfg):
    num_weights = sum(w.numel() for w in build_random_model(cfg).parameters())
    peaks = measure_peak_bytes(
        cfg, shape=SHAPE, num_videos=1, settings=SpeedSettings(threads=1)
    )
    # Weights and gradients, and the two moments of Adam, in float32.
    assert 4 * 4 * num_weights < peaks['train'] < 3 * 4 * 4 * num_weights
    assert 4 * num_weights < peaks['forward'] < 0.8 * peaks['train']


@pytest.mark.parametrize(
    ('code', 'stderr', 'error', 'message'),
    [
        (-9, '', OutOfMemoryError, 'no message'),
        (1, "x\nRuntimeError: can't allocate memory", OutOfMemoryError, 'allocate'),
        (1, 'x\nKeyError: 3', DataError, 'that measures memory failed: KeyError: 3'),
    ],
)
def test_process_that_fails_is_told_apart_from_one_without_memory(
    monkeypatch, cfg, code, stderr, error, message
):
    def run(command, **kwargs):
        assert json.loads(kwargs['input'])['num_videos'] == 3
        return subprocess.CompletedProcess(command, code, stdout='', stderr=stderr)

    monkeypatch.setattr(speed_memory.subprocess, 'run', run)
    with pytest.raises(error, match=message):
        measure_peak_bytes(cfg, shape=SHAPE, num_videos=3, settings=SpeedSettings())


# Targets


def make_row(name, *, ratio, peak_bytes, num_frames=16, num_videos=1):
    spread = Spread(ratio, ratio, ratio)
    return SpeedRow(
        name=name, config='', frames='', num_frames=num_frames, num_videos=num_videos,
        parameters=1, gmacs=1.0,
        seconds={'train': spread, 'forward': spread},
        ratios={'train': spread, 'forward': spread},
        peak_bytes={'train': peak_bytes},
    )  # fmt: skip


SECTIONS = [
    SpeedSection(
        split,
        (
            make_row('ResNet-50', ratio=1.0, peak_bytes=100),
            make_row('RATFNet-50', ratio=1.1, peak_bytes=116),
            make_row('TANet', ratio=1.2, peak_bytes=110),
        ),
    )
    for split in ('train', 'test')
]


def verdicts(settings, device):
    return [row[3:5] for row in judge_targets(SECTIONS, settings, device)]


def test_targets_are_judged_where_their_conditions_hold():
    on_cpu = verdicts(SpeedSettings(threads=2), 'a processor')
    missing = 'not measured'
    assert on_cpu[:3] == [
        ('1.10: met', missing),
        ('1.10: not met', missing),
        ('1.16: not met', missing),
    ]
    assert on_cpu[3:] == [(missing, missing)] * 4


def test_targets_of_the_gpu_are_judged_on_that_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    settings = SpeedSettings(device='cuda', dtype='bf16', channels_last=True)
    found = [first for first, _ in verdicts(settings, 'NVIDIA H100 80GB HBM3')]
    assert found[3:] == ['1.10: met', '1.10: not met', '1.16: not met', '0.92: met']
    assert set(verdicts(settings, 'NVIDIA A100')) == {2 * ('not measured',)}


def test_a_target_not_measured_names_the_command_that_measures_it():
    *_, last = judge_targets(SECTIONS, SpeedSettings(threads=2), 'a processor')
    assert last[-1].startswith('`python tools/speed.py --device cuda --dtype bf16')


def test_memory_is_compared_for_as_many_frames():
    floor = make_row('a', ratio=1.0, peak_bytes=100, num_frames=16, num_videos=3)
    row = make_row('b', ratio=1.0, peak_bytes=100, num_frames=8, num_videos=3)
    assert row.memory_ratio('train', floor) == 2.0
    assert row.memory_ratio('forward', floor) is None


def test_csv_has_a_line_for_each_split_model_and_mode():
    lines = format_csv(SECTIONS).splitlines()
    assert len(lines) == 1 + 2 * 3 * 2
    assert lines[4] == 'train,RATFNet-50,,train,16,1,1,1.0,1.1,1.1,1.1,1.1,1.1,1.1,116,'
