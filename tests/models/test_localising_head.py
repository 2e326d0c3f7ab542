"""The head that learns where a frame was forged."""

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample

from mmdeepfake.errors import ConfigError
from mmdeepfake.models import LocalisingHead


@pytest.fixture
def head():
    torch.manual_seed(0)
    return LocalisingHead(num_classes=2, in_channels=6, map_weight=0.5, topk=(1,))


def make_samples(maps):
    samples = []
    for label, one in enumerate(maps):
        sample = ActionDataSample(metainfo={} if one is None else {'forgery_map': one})
        sample.set_gt_label(label)
        samples.append(sample)
    return samples


@pytest.mark.parametrize('frames_per_row', [1, 2])
def test_loss_is_the_mean_cross_entropy_of_known_cells(head, frames_per_row):
    rng = np.random.default_rng(0)
    maps = rng.random((2, 4, 3, 3), np.float32)
    maps[1, 2:] = np.nan  # a fake of which two frames have no mask
    rows = 8 // frames_per_row
    feats = torch.randn(rows, 6, 3, 3)
    losses = head.loss(feats, make_samples(maps), num_segs=rows // 2)
    logits = head.fc_map(feats)[:, 0].double().detach().numpy()
    terms = []
    for row in range(rows):
        frames = maps.reshape(8, 3, 3)[
            row * frames_per_row : (row + 1) * frames_per_row
        ]
        for y in range(3):
            for x in range(3):
                target = np.mean([float(frame[y, x]) for frame in frames])
                if not np.isnan(target):
                    p = 1 / (1 + np.exp(-logits[row, y, x]))
                    terms.append(-target * np.log(p) - (1 - target) * np.log(1 - p))
    assert losses['loss_map'].item() == pytest.approx(0.5 * np.mean(terms), abs=1e-5)
    assert losses['loss_cls'].isfinite()


def test_maps_that_are_all_unknown_add_nothing(head):
    maps = np.full((2, 1, 3, 3), np.nan, np.float32)
    losses = head.loss(torch.randn(2, 6, 3, 3), make_samples(maps), num_segs=1)
    assert losses['loss_map'].item() == 0


@pytest.mark.parametrize(
    ('maps', 'named'),
    [([None, None], 'MapForgery'), (np.zeros((2, 1, 2, 2), np.float32), '2 x 2')],
)
def test_samples_without_fitting_maps_are_refused(head, maps, named):
    with pytest.raises(ConfigError, match=named):
        head.loss(torch.randn(2, 6, 3, 3), make_samples(maps), num_segs=1)
