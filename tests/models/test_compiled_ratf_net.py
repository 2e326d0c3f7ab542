"""`torch.compile` on the whole model, without a break in its graph."""

import pytest
import torch
from torch import nn

from mmdeepfake.models.backbones import RATFNet
from mmdeepfake.models.necks import CrossSnippetAttention


class Classifier(nn.Module):
    """One stage, neck, head; (B*S*T, 3, H, W), of S = T = 2, to (B, 2)."""

    def __init__(self):
        super().__init__()
        one_stage = dict(num_stages=1, out_indices=(0,), strides=(1,), dilations=(1,))
        self.backbone = RATFNet(
            18, clip_len=2, ratf_stages=(True,), norm_eval=True, **one_stage
        )
        self.neck = CrossSnippetAttention(64, 2)
        self.head = nn.Linear(64, 2)

    def forward(self, images):
        maps = self.backbone(images)[0].unflatten(0, (-1, 4)).transpose(1, 2)
        return self.head(self.neck([maps])[0].mean(dim=(2, 3, 4)))


@pytest.mark.parametrize(
    'backend', ['eager', pytest.param('inductor', marks=pytest.mark.slow)]
)
def test_compiled_model_has_one_graph_and_the_same_output_and_gradients(backend):
    torch._dynamo.reset()
    model = Classifier().double()
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    results = []
    for run in (model, torch.compile(model, fullgraph=True, backend=backend)):
        model.zero_grad()
        out = run(images)
        out.square().sum().backward()
        results.append([out.detach(), *(p.grad for p in model.parameters())])
        results[-1] = [tensor.clone() for tensor in results[-1]]
    scale = max(tensor.norm() for tensor in results[0][1:])
    for got, expected in zip(*results, strict=True):
        assert (got - expected).norm() <= 1e-8 * expected.norm() + 1e-12 * scale
