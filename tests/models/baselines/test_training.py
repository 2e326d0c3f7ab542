"""Every baseline trains in bfloat16, survives a checkpoint and learns four videos."""

from dataclasses import dataclass, field

import pytest
import torch
from recognizer_checks import (
    TWO_STAGES,
    check_bfloat16,
    check_overfits,
    check_round_trip,
    load_model_config,
)

from mmdeepfake.registry import MODELS


@dataclass(frozen=True)
class Row:
    """A small model, and the shape of the input of one video."""

    config: str
    shape: tuple[int, ...]
    backbone: dict = field(default_factory=dict)
    head: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    is_slow: bool = False
    draws_mask: bool = False

    def build(self):
        cfg = load_model_config(self.config, **self.backbone)
        cfg.cls_head.update(self.head)
        torch.manual_seed(0)
        model = MODELS.build(cfg)
        model.init_weights()
        return model

    def draw(self, num_videos):
        clips = torch.randn(num_videos, *self.shape)
        if self.draws_mask:
            clips[:, :, 3].uniform_(0.2, 1)
        return clips


# At its own momentum, evaluation would lag behind what is learnt.
QUICK = dict(momentum=0.3)
SMALL_XCEPTION = dict(num_middle_blocks=0, width_ratio=0.25)
SMALL_BAG = dict(in_channels=512, num_instances=4)
ROWS = {
    'addnet': Row(
        'miniff/addnet3d_small_miniff_faces.py', (1, 4, 4, 48, 48), draws_mask=True
    ),
    'altfreezing': Row(
        'miniff/altfreezing_slim_miniff.py',
        (1, 3, 2, 32, 32),
        training=dict(num_steps=200),
        is_slow=True,
    ),
    'cnn_lstm': Row(
        'miniff/cnn_lstm_r18_miniff.py',
        (4, 3, 32, 32),
        backbone=TWO_STAGES,
        head=dict(sequence_len=4, in_channels=128),
    ),
    'co_motion': Row('baselines/co_motion_ffpp_lq.py', (2, 5151, 1, 1)),
    'deep_rhythm': Row(
        'miniff/deep_rhythm_short_miniff.py',
        (1, 3, 40, 25),
        backbone=dict(norm_cfg=dict(eps=1e-3, **QUICK)),
        is_slow=True,
    ),
    'double_rnn': Row(
        'miniff/double_rnn_small_miniff.py',
        (4, 3, 64, 64),
        backbone=dict(norm_cfg=dict(type='BN', **QUICK)),
        head=dict(sequence_len=4),
    ),
    'dsanet': Row(
        'miniff/dsanet_r18_miniff.py',
        (4, 3, 2, 32, 32),
        backbone=dict(base_channels=16),
        head=dict(in_channels=128),
    ),
    'facenet_lstm': Row(
        'miniff/facenet_lstm_small_miniff.py', (2, 3, 80, 80), head=dict(sequence_len=2)
    ),
    'ftcn': Row('miniff/ftcn_small_miniff.py', (1, 3, 16, 32, 32)),
    'i3d': Row(
        'miniff/i3d_r18_miniff.py',
        (1, 3, 4, 32, 32),
        backbone=dict(base_channels=16),
        head=dict(in_channels=128),
        training=dict(learning_rate=3e-4),
    ),
    'i3d_inception': Row(
        'baselines/i3d_inception_ffpp_lq.py',
        (1, 3, 2, 32, 32),
        backbone=dict(norm_cfg=dict(type='BN3d', eps=1e-3, **QUICK)),
        training=dict(learning_rate=3e-4),
        is_slow=True,
    ),
    's_mil': Row(
        'miniff/s_mil_small_miniff.py',
        (4, 3, 48, 48),
        backbone=SMALL_XCEPTION,
        head=SMALL_BAG,
    ),
    's_mil_t': Row(
        'miniff/s_mil_t_small_miniff.py',
        (4, 3, 48, 48),
        backbone=SMALL_XCEPTION,
        head=SMALL_BAG,
    ),
    'stil': Row(
        'miniff/stil_small_miniff.py',
        (2, 3, 64, 64),
        backbone=dict(stage_blocks=(1, 1, 1), num_segments=2),
        head=dict(in_channels=1024),
        is_slow=True,
    ),
    'tall_swin': Row('miniff/tall_swin_small_miniff.py', (1, 3, 64, 64)),
    **{
        name: Row(
            f'miniff/{name}_r18_miniff.py',
            (8, 3, 32, 32),
            backbone=dict(temporal_stages=(True, True), **TWO_STAGES),
            head=dict(in_channels=128),
        )
        for name in ('tam', 'tei')
    },
    'v4d': Row(
        'miniff/v4d_r18_miniff.py',
        (2, 3, 2, 48, 48),
        backbone=dict(base_channels=16),
        head=dict(in_channels=128),
    ),
    'video_mae': Row('miniff/video_mae_small_miniff.py', (1, 3, 16, 64, 64)),
    'xception': Row(
        'miniff/xception_miniff.py',
        (4, 3, 64, 64),
        backbone=SMALL_XCEPTION,
        head=dict(in_channels=512),
    ),
}
FROZEN = ('facenet_lstm',)


@pytest.mark.parametrize('row', ROWS.values(), ids=list(ROWS))
def test_it_runs_in_bfloat16_and_survives_a_checkpoint(row, request, tmp_path):
    model, clips = row.build(), row.draw(2)
    if request.node.callspec.id not in FROZEN:
        check_bfloat16(model, clips, [0, 1])
    check_round_trip(model, clips, tmp_path)


@pytest.mark.parametrize(
    'row',
    [
        pytest.param(row, id=name, marks=[pytest.mark.slow] * row.is_slow)
        for name, row in ROWS.items()
    ],
)
def test_it_learns_four_videos_of_noise_by_heart(row):
    check_overfits(row.build(), row.draw(4), [0, 1, 0, 1], **row.training)
