"""What test_filter_kernels.py runs in a process with TRITON_INTERPRET=1 of its own."""

import pytest
import torch

from mmdeepfake.ops import filter_kernels as kernels
from mmdeepfake.ops import filter_pieces, fused_filter
from mmdeepfake.ops.temporal_filter import filter_over_time, mix_basis_filters

# dtype, frames, taps, filtered channels, all channels, map
CASES = [
    (torch.float32, 4, 3, 8, 16, (7, 7)),
    (torch.float32, 3, 5, 40, 41, (5, 7)),
    (torch.float32, 1, 3, 4, 4, (2, 3)),
    (torch.bfloat16, 4, 3, 6, 12, (6, 6)),
    (torch.float16, 2, 3, 4, 8, (5, 5)),
]


def plain(x, basis, weights, num_frames):
    """The plain operators, in fp64; differentiable."""
    features = x.unflatten(0, (-1, num_frames))
    filtered = filter_over_time(
        features[:, :, : basis.shape[1]], mix_basis_filters(basis, weights)
    )
    rest = features[:, :, basis.shape[1] :]
    return torch.cat([filtered, rest], dim=2).flatten(0, 1)


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('case', CASES, ids=str)
def test_kernels_equal_the_plain_operators_forward_and_backward(case, layout):
    dtype, t, k, c, channels, side = case
    x, received = torch.randn(2, 2 * t, channels, *side).to(dtype)
    x, received = (m.contiguous(memory_format=layout) for m in (x, received))
    basis = torch.randn(2, c, 3, k).to(dtype)
    weights = torch.randn(2, 3, *side).softmax(dim=1)

    out = kernels.filter_maps(x, basis, weights, num_frames=t)
    gradients = kernels.differentiate_filter(x, basis, weights, received, num_frames=t)

    inputs = [m.double().requires_grad_() for m in (x, basis, weights)]
    expected = plain(*inputs, t)
    expected_gradients = torch.autograd.grad(expected, inputs, received.double())
    tolerance = 1e-5 if dtype == torch.float32 else 1e-2
    assert out.dtype == dtype
    assert out.stride() == x.stride()
    for got, right in zip(
        [out, *gradients], [expected, *expected_gradients], strict=True
    ):
        assert got.shape == right.shape
        assert (got.double() - right).norm() < tolerance * right.norm()


def test_kernels_serve_the_differentiable_function(monkeypatch):
    x = torch.randn(4, 6, 4, 5).requires_grad_()
    basis, logits = torch.randn(1, 3, 2, 3), torch.randn(1, 2, 4, 5)
    options = dict(temperature=0.5, num_frames=4)
    results = []
    for module in (kernels, filter_pieces):
        monkeypatch.setattr(fused_filter, '_kernels_for', lambda _, m=module: m)
        inputs = [m.detach().clone().requires_grad_() for m in (x, basis, logits)]
        out = fused_filter.filter_regions(*inputs, **options)
        out.square().sum().backward()
        results.append([out.detach(), *(m.grad for m in inputs)])
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
