from types import SimpleNamespace

import torch
from torch import nn

from mmdeepfake.engine import ChannelsLastHook


def test_weights_keep_their_values_with_channels_innermost():
    model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Conv3d(4, 8, 3), nn.Linear(8, 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ChannelsLastHook().before_run(SimpleNamespace(model=model))
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model[1].weight.is_contiguous(memory_format=torch.channels_last_3d)
