"""What test_filter_kernels.py runs in a process with TRITON_INTERPRET=1 of its own."""

import pytest
import torch

from mmdeepfake.ops import filter_kernels as kernels
from mmdeepfake.ops import fused_filter


@pytest.mark.parametrize(
    ('dtype', 'sizes', 'tolerance'),
    [
        (torch.float32, (3, 2, 5), 1e-5),
        (torch.bfloat16, (2, 3, 3), 1e-2),
        (torch.float16, (1, 2, 1), 1e-2),
    ],
)
@torch.inference_mode()
def test_kernels_equal_the_plain_operators_forward_and_backward(
    dtype, sizes, tolerance
):
    state = torch.random.get_rng_state()
    assert kernels.measure_error(torch.device('cpu'), dtype, *sizes) < tolerance
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize('name', ['filter_maps', 'differentiate_filter'])
def test_a_wrong_kernel_is_noticed(monkeypatch, name):
    right = getattr(kernels, name)

    def wrong(x, *rest, **options):
        return right(x * 1.01, *rest, **options)

    monkeypatch.setattr(kernels, name, wrong)
    assert kernels.measure_error(torch.device('cpu'), torch.float32, 1, 2, 1) > 1e-3


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_kernels_keep_type_layout_and_further_channels(layout):
    x = torch.randn(4, 16, 5, 5).bfloat16().contiguous(memory_format=layout)
    basis, weights = torch.randn(2, 8, 2, 3), torch.rand(2, 2, 5, 5)
    out = kernels.filter_maps(x, basis, weights, num_frames=2)
    assert (out.dtype, out.stride()) == (x.dtype, x.stride())
    assert torch.equal(out[:, 8:], x[:, 8:])


def test_kernels_serve_the_differentiable_function():
    x = torch.randn(4, 6, 4, 5).requires_grad_()
    basis, logits = torch.randn(1, 3, 2, 3), torch.randn(1, 2, 4, 5)
    results = []
    for triton in (kernels, None):
        inputs = [m.detach().clone().requires_grad_() for m in (x, basis, logits)]
        out = fused_filter._FilterRegions.apply(*inputs, 0.5, 4, triton)
        out.square().sum().backward()
        results.append([out.detach(), *(m.grad for m in inputs)])
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
