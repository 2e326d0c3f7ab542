import torch
from torch import nn

from mmdeepfake.engine import CPUAmpOptimWrapper


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
