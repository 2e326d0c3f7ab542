import pytest
import torch
from mmcv.cnn import Conv3d
from recognizer_checks import build_from_config, make_samples
from torch import nn

from mmdeepfake.engine import CPUAmpOptimWrapper
from mmdeepfake.engine.cpu_amp import mixed_precision


class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.cls_head = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, inputs):
        features = self.backbone(inputs)
        return features, self.cls_head(features)


def make_wrapper(model):
    return CPUAmpOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.5))


def test_features_are_bfloat16_and_scores_float32():
    model = Recognizer()
    with make_wrapper(model).optim_context(model):
        features, scores = model(torch.ones(3, 4))
    assert (features.dtype, scores.dtype) == (torch.bfloat16, torch.float32)


def test_model_is_as_before_after_the_step():
    model = Recognizer()
    wrapper = make_wrapper(model)
    with wrapper.optim_context(model):
        loss = model(torch.ones(3, 4))[1].sum()
    before = model.cls_head.bias.detach().clone()
    wrapper.update_params(loss)
    torch.testing.assert_close(model.cls_head.bias, before - 0.5 * 3)
    assert not model.cls_head._forward_hooks
    assert model(torch.ones(3, 4))[0].dtype == torch.float32


def test_model_without_a_head_is_left_alone():
    model = nn.Linear(4, 2)
    with make_wrapper(model).optim_context(model):
        assert model(torch.ones(3, 4)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ('kind', 'channels', 'dtype'),
    [
        (nn.Conv3d, 3, torch.float32),
        (Conv3d, 3, torch.float32),
        (nn.Conv3d, 16, torch.bfloat16),
        (nn.Conv2d, 3, torch.bfloat16),
    ],
)
def test_only_3d_convolutions_of_few_channels_stay_in_float32(kind, channels, dtype):
    model = nn.Sequential(kind(channels, 4, 3))
    inputs = torch.randn(1, channels, *[5] * len(model[0].kernel_size))
    with make_wrapper(model).optim_context(model):
        assert model(inputs.bfloat16()).dtype == dtype
    with torch.autocast('cpu', torch.bfloat16):
        assert model(inputs).dtype == torch.bfloat16, 'it outlives its context'


def test_every_stem_of_a_3d_baseline_stays_in_float32():
    model = build_from_config('miniff/i3d_r18_miniff.py')
    seen = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_hook(
                lambda *call, name=name: seen.update({name: call[2].dtype})
            )
    with mixed_precision(model):
        model.loss(torch.randn(2, 1, 3, 4, 32, 32), make_samples([0, 1]))
    stem = seen.pop('backbone.conv1.conv')
    assert (stem, set(seen.values())) == (torch.float32, {torch.bfloat16})
