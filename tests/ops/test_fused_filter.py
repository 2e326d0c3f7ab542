import sys
from types import SimpleNamespace

import pytest
import torch
from recognizer_checks import TWO_STAGES
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from mmdeepfake import ops
from mmdeepfake.models.backbones import RATF, RATFNet
from mmdeepfake.ops import fused_filter
from mmdeepfake.ops.fused_filter import filter_regions, find_kernels
from mmdeepfake.ops.snippet_summary import pooling_matrix, summarise_snippets
from mmdeepfake.ops.temporal_filter import (
    filter_over_time,
    mix_basis_filters,
    pool_to_strips,
    weigh_bases,
)

LAYOUTS = [torch.contiguous_format, torch.channels_last]
OPTIONS = [dict(), dict(align='none'), dict(kernel_size=5, split_ratio=1.0)]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


@pytest.fixture(autouse=True)
def _several_pieces(monkeypatch):
    """Small maps in pieces of few positions, as large maps are in use."""
    monkeypatch.setattr(fused_filter, '_PIECE_VALUES', 500)


def random_inputs(*, dtype=torch.float64, channels=3, side=(3, 4), filtered=2):
    """A map of 2 snippets of 3 frames, bases (R = 3, K = 3) and logits."""
    x = torch.randn(6, channels, *side, dtype=dtype)
    basis = torch.randn(2, filtered, 3, 3, dtype=dtype)
    return x, basis, torch.randn(2, 3, *side, dtype=dtype)


def both_ways(options, *, dtype=torch.float32, num_channels=12):
    """A RATF as users get it, and one of plain operators, on the same weights."""
    made = [
        RATF(num_channels, clip_len=4, temperature=0.5, fused=fused, **options)
        for fused in (True, False)
    ]
    for parameter in made[0].parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    made[1].load_state_dict(made[0].state_dict())
    return [ratf.to(dtype) for ratf in made]


def run(ratf, x, received):
    """Output, gradient by the map, gradients by the parameters."""
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    out = ratf(x)
    out.backward(received)
    return [out.detach(), x.grad, *(p.grad for p in ratf.parameters())]


@pytest.mark.parametrize('layout', LAYOUTS, ids=str)
@pytest.mark.parametrize('dtype', list(TOLERANCE), ids=str)
@pytest.mark.parametrize('options', OPTIONS, ids=str)
def test_output_and_every_gradient_equal_those_of_the_plain_operators(
    options, dtype, layout
):
    fused, plain = both_ways(options, dtype=dtype)
    x = torch.randn(8, 12, 7, 9, dtype=dtype).to(memory_format=layout)
    received = torch.randn_like(x)
    results = run(fused, x, received)
    assert results[0].stride() == x.stride()
    for got, expected in zip(results, run(plain, x, received), strict=True):
        error = (got - expected).norm() / expected.norm()
        assert error < TOLERANCE[dtype]


@pytest.mark.parametrize('layout', LAYOUTS, ids=str)
def test_filter_gradients_are_those_of_finite_differences(layout):
    x, basis, logits = random_inputs()

    def filter_(x, basis, logits):
        x = x.contiguous(memory_format=layout)
        return filter_regions(x, basis, logits, temperature=0.7, num_frames=3)

    inputs = [tensor.requires_grad_() for tensor in (x, basis, logits)]
    assert torch.autograd.gradcheck(filter_, inputs)


@pytest.mark.parametrize('size', [1, 3])
def test_summary_gradients_are_those_of_finite_differences(size):
    x, _, _ = random_inputs(side=(2, 3))
    kernel = torch.randn(3, 6, size, size, dtype=torch.float64)
    pooling = pooling_matrix(2, 3, 3, torch.float64)

    def summarise(x, kernel):
        return summarise_snippets(x, kernel, pooling, num_frames=3)

    inputs = [tensor.requires_grad_() for tensor in (x, kernel)]
    assert torch.autograd.gradcheck(summarise, inputs)


def test_a_convolution_larger_than_the_map_still_matches():
    fused, plain = both_ways({}, dtype=torch.float64)
    x = torch.randn(8, 12, 1, 1, dtype=torch.float64)
    for got, expected in zip(run(fused, x, x), run(plain, x, x), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize('num_bins', [2, 8, 12])
@pytest.mark.parametrize('side', [(7, 7), (6, 8), (2, 1)])
def test_pooling_matrix_pools_as_the_library_does(side, num_bins):
    features = torch.randn(1, 2, 3, *side, dtype=torch.float64)
    matrix = pooling_matrix(*side, num_bins, torch.float64)
    expected = pool_to_strips(features, num_bins=num_bins)
    torch.testing.assert_close(features.flatten(3) @ matrix, expected)


def test_a_map_that_is_not_dense_is_filtered_all_the_same():
    fused, plain = both_ways({})
    x = torch.randn(8, 12, 7, 18)[..., ::2]
    torch.testing.assert_close(fused(x), plain(x))


def test_a_frozen_map_gets_no_gradient_and_the_weights_theirs():
    fused, plain = both_ways({}, dtype=torch.float64)
    x = torch.randn(4, 12, 5, 5, dtype=torch.float64)
    for ratf in (fused, plain):
        ratf(x).square().sum().backward()
    for got, expected in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(got.grad, expected.grad)


def test_a_second_derivative_is_refused():
    x, basis, logits = random_inputs()
    out = filter_regions(
        x, basis.requires_grad_(), logits, temperature=1.0, num_frames=3
    )
    (first,) = torch.autograd.grad(out.square().sum(), basis, create_graph=True)
    with pytest.raises(RuntimeError, match='once_differentiable'):
        first.sum().backward()


def test_training_keeps_the_map_and_little_else():
    ratf = RATF(64, clip_len=4)
    x = torch.randn(8, 64, 16, 16).requires_grad_()
    own = {p.untyped_storage().data_ptr() for p in ratf.parameters()}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        ratf(x)
    others = {k: v for k, v in kept.items() if k not in own}
    assert others.pop(x.untyped_storage().data_ptr()) == x.nbytes
    # What is left does not grow with the channels times the positions.
    assert max(others.values()) < x.nbytes / 2


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_filtered_in_fp32(dtype):
    x, basis, logits = random_inputs(dtype=torch.float32, channels=6, filtered=6)
    x, basis = x.to(dtype), basis.to(dtype)
    out = filter_regions(x, basis, logits, temperature=0.5, num_frames=3)
    assert out.dtype == dtype
    filters = mix_basis_filters(basis.float(), weigh_bases(logits, temperature=0.5))
    expected = filter_over_time(x.float().unflatten(0, (2, 3)), filters).flatten(0, 1)
    # One rounding of the result: products and sums were exact to fp32.
    torch.testing.assert_close(out, expected.to(dtype), rtol=1e-2, atol=1e-6)
    assert (out == expected.to(dtype)).float().mean() > 0.97


def test_autocast_changes_neither_the_types_nor_much_of_the_gradients():
    fused, _ = both_ways({})
    x = torch.randn(4, 12, 6, 6)
    exact = run(fused, x, torch.ones_like(x))
    fused.zero_grad()
    x = x.bfloat16().requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = fused(x)
    out.backward(torch.ones_like(out))
    assert out.dtype == x.grad.dtype == torch.bfloat16
    for got, expected in zip(
        [out, x.grad, *(p.grad for p in fused.parameters())], exact, strict=True
    ):
        assert (got.float() - expected).norm() < 0.1 * expected.norm()


@pytest.mark.parametrize('fused', [True, False])
@pytest.mark.parametrize('training', [True, False])
def test_what_a_hook_kept_stays_as_it_was(training, fused):
    options = dict(ratf_stages=(True, True), ratf_cfg=dict(fused=fused), **TWO_STAGES)
    network = RATFNet(50, clip_len=4, **options).train(training)
    kept = []

    def keep(module, args, output):
        kept.extend(
            (m, m.detach().clone())
            for m in (*args, output)
            if isinstance(m, torch.Tensor)
        )

    # RATF is seen through its neighbours: code that spares a watched map is no proof.
    # A norm's output and the ReLU after it are one tensor in MMAction2's ResNet.
    for module in network.modules():
        if not isinstance(module, (RATF, nn.BatchNorm2d, nn.ReLU)):
            module.register_forward_hook(keep)
    with torch.set_grad_enabled(training):
        (out,) = network(torch.randn(8, 3, 32, 32))
    if training:
        out.sum().backward()
    assert len(kept) > 50
    for held, copy in kept:
        assert torch.equal(held, copy)


@pytest.mark.parametrize('fused', [True, False])
def test_an_empty_batch_gives_an_empty_map_and_zero_gradients(fused):
    ratf = RATF(12, clip_len=4, fused=fused)
    x = torch.zeros(0, 12, 5, 5, requires_grad=True)
    out = ratf(x)
    assert out.shape == x.shape
    out.sum().backward()
    assert x.grad.shape == x.shape
    assert all(p.grad is None or not p.grad.any() for p in ratf.parameters())


@pytest.mark.parametrize(
    ('kernels', 'problem'),
    [
        (None, 'Error'),  # triton cannot be imported
        (SimpleNamespace(), 'AttributeError'),  # as of a kernel that does not compile
        (SimpleNamespace(measure_error=lambda *_: 0.1), 'differ'),
        (SimpleNamespace(measure_error=lambda *_: float('nan')), 'differ'),
    ],
    ids=['absent', 'broken', 'wrong', 'nan'],
)
def test_kernels_that_fail_give_way_with_one_warning(monkeypatch, kernels, problem):
    said = []
    monkeypatch.setattr(fused_filter, 'print_log', lambda text, **_: said.append(text))
    name = 'mmdeepfake.ops.filter_kernels'
    monkeypatch.setitem(sys.modules, name, kernels)
    monkeypatch.setattr(ops, 'filter_kernels', kernels, raising=False)
    if kernels is None:
        monkeypatch.delattr(ops, 'filter_kernels')
    find_kernels.cache_clear()
    for _ in range(2):
        assert find_kernels(torch.device('cpu'), torch.float32, 4, 8, 3) is None
    find_kernels.cache_clear()
    assert len(said) == 1
    assert problem in said[0]


def test_kernels_are_asked_for_and_a_cpu_never_takes_them():
    x = torch.randn(8, 12, 5, 5)
    chosen, usual = RATF(12, clip_len=4, fused='triton'), RATF(12, clip_len=4)
    chosen.load_state_dict(usual.state_dict())
    assert torch.equal(chosen(x), usual(x))


@pytest.mark.parametrize('mode', [FakeTensorMode, torch.inference_mode])
def test_what_ran_in_a_mode_leaves_no_tensor_of_it_behind(mode):
    """Counting operations runs the model on tensors without values."""
    side = {FakeTensorMode: (4, 5), torch.inference_mode: (5, 4)}[mode]
    ratf, plain = RATF(8, clip_len=3), RATF(8, clip_len=3, fused=False)
    plain.load_state_dict(ratf.state_dict())
    with mode():
        (RATF(8, clip_len=3) if mode is FakeTensorMode else ratf)(
            torch.randn(3, 8, *side)
        )
    x = torch.randn(3, 8, *side, requires_grad=True)
    out = ratf(x)
    assert type(out) is torch.Tensor
    torch.testing.assert_close(out, plain(x))
    out.sum().backward()
    assert x.grad.isfinite().all()
