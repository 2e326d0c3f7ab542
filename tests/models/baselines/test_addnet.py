import pytest
import torch
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.addnet import ADDNet3D, AttentionEntryFlow, pool_down
from mmdeepfake.models.baselines.xception import Xception

WIDTH = 0.1


def make_pair():
    """A small Xception and an entry flow with its weights, with odd running numbers."""
    xception = Xception(num_middle_blocks=0, width_ratio=WIDTH)
    xception.init_weights()
    for module in xception.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.2)
            module.running_var.uniform_(0.5, 1.5)
    entry = AttentionEntryFlow(width_ratio=WIDTH)
    entry.load(xception)
    return xception.train(False), entry.train(False)


@torch.no_grad()
def entry_maps(xception, frames):
    """The maps of Xception's entry flow, by its own modules."""
    maps = [xception.conv2(xception.conv1(frames))]
    for block in xception.blocks[:3]:
        maps.append(block(maps[-1]))
    return maps


def test_without_dimming_maps_are_those_of_xceptions_entry_flow():
    xception, entry = make_pair()
    frames = torch.randn(2, 3, 64, 64)
    levels = entry(frames, torch.ones(2, 1, 64, 64))
    expected = [frames, *entry_maps(xception, frames)]
    assert len(levels) == len(expected) == 5
    for level, want in zip(levels, expected, strict=True):
        torch.testing.assert_close(level, want)


def test_each_level_is_dimmed_by_the_mask_pooled_down_to_it():
    xception, entry = make_pair()
    frames, mask = torch.randn(2, 3, 64, 64), torch.rand(2, 1, 64, 64)
    levels = entry(frames, mask)
    steps = [nn.Sequential(xception.conv1, xception.conv2), *xception.blocks[:3]]
    current, current_mask = frames * mask, mask
    torch.testing.assert_close(levels[0], current)
    for level, step in zip(levels[1:], steps, strict=True):
        current = step(current)
        current_mask = average_down(current_mask, current.shape[-2:])
        current = current * current_mask
        torch.testing.assert_close(level, current)


def average_down(mask, size):
    """Each cell is the mean of the pixels that it touches."""
    rows, columns = mask.shape[-2:]
    mask, pooled = mask.numpy(), torch.zeros(*mask.shape[:2], *size)
    for y in range(size[0]):
        top, bottom = y * rows // size[0], -(-(y + 1) * rows // size[0])
        for x in range(size[1]):
            left, right = x * columns // size[1], -(-(x + 1) * columns // size[1])
            cell = mask[..., top:bottom, left:right]
            pooled.numpy()[..., y, x] = cell.mean(axis=(2, 3))
    return pooled


def test_the_mask_goes_down_the_published_sizes():
    sizes = [(55, 55), (28, 28), (14, 14)]
    mask = torch.rand(1, 1, 109, 109)
    for pooled, size in zip(pool_down(mask, sizes), sizes, strict=True):
        mask = average_down(mask, size)
        torch.testing.assert_close(pooled, mask)
    with torch.device('meta'):
        levels = AttentionEntryFlow().train(False)(
            torch.empty(1, 3, 224, 224), torch.empty(1, 1, 224, 224)
        )
    shapes = [tuple(level.shape[1:]) for level in levels]
    assert shapes == [
        (3, 224, 224),
        (64, 109, 109),
        (128, 55, 55),
        (256, 28, 28),
        (728, 14, 14),
    ]


def test_frames_do_not_see_each_other_before_the_3d_layers():
    model = ADDNet3D(width_ratio=WIDTH, channels=(4, 4, 4, 4))
    model.init_weights()
    model.train(False)
    clips = torch.rand(2, 4, 6, 64, 64)
    order = [4, 0, 5, 1, 3, 2]
    features = model.frame_features(clips)
    shuffled = model.frame_features(clips[:, :, order])
    torch.testing.assert_close(shuffled, features[:, :, order])
    with torch.no_grad():
        assert not torch.allclose(model(clips[:, :, order]), model(clips))


def test_time_and_space_are_halved_twice():
    model = ADDNet3D(width_ratio=WIDTH, channels=(4, 5, 6, 7)).train(False)
    assert model.frame_features(torch.rand(1, 4, 16, 224, 224)[:, :, :1]).shape == (
        *(1, 73, 1, 14, 14),
    )
    assert model.over_time(torch.rand(1, 73, 16, 14, 14)).shape == (1, 7, 4, 4, 4)


def test_public_weights_start_the_entry_flow(tmp_path, log_lines, monkeypatch):
    loaded = {}

    def fill(self):
        for parameter in self.parameters():
            parameter.data.fill_(0.5)
        loaded['from'] = self.pretrained

    monkeypatch.setattr(Xception, 'init_weights', fill)
    model = ADDNet3D(width_ratio=WIDTH, pretrained='x.pth')
    model.init_weights()
    assert loaded['from'] == 'x.pth'
    assert all((p == 0.5).all() for p in model.entry.parameters())
    assert not all((p == 0.5).all() for p in model.over_time.parameters())
    assert any('ADDNet3D: initial weights from x.pth, 3D' in line for line in log_lines)


def test_frames_without_their_mask_are_refused():
    with pytest.raises(ConfigError, match='got frames of 3 channels, but needs 4'):
        ADDNet3D(width_ratio=WIDTH)(torch.rand(1, 3, 4, 32, 32))
