import pytest
import torch
import torch.nn.functional as F

from mmdeepfake.ops.temporal_filter import (
    filter_over_time,
    fold_alignment,
    mix_basis_filters,
    pool_to_strips,
    weigh_bases,
)


def test_strips_are_the_overlapping_bins_of_the_raster():
    features = torch.randn(2, 3, 4, 7, 7)
    pooled = pool_to_strips(features, num_bins=8)
    # 49 positions into 8 bins: 0..6, 6..12, ..., 42..48
    first = features.flatten(3)[..., 0:7].mean(dim=-1)
    second = features.flatten(3)[..., 6:13].mean(dim=-1)
    last = features.flatten(3)[..., 42:49].mean(dim=-1)
    torch.testing.assert_close(pooled[..., 0], first)
    torch.testing.assert_close(pooled[..., 1], second)
    torch.testing.assert_close(pooled[..., 7], last)


def test_strips_that_divide_are_whole_rows():
    features = torch.randn(1, 1, 1, 56, 56)
    pooled = pool_to_strips(features, num_bins=8)
    torch.testing.assert_close(pooled[0, 0, 0, 3], features[0, 0, 0, 21:28].mean())


def test_folded_alignment_equals_the_convolutions_one_after_another():
    t, c, r = 4, 6, 3
    frames = torch.randn(2, t, c, 5, 6, dtype=torch.float64)
    previous, following = torch.randn(2, c, c, 3, 3, dtype=torch.float64)
    current = torch.randn(c, c, 1, 1, dtype=torch.float64)
    aggregate = torch.randn(r, t, c, dtype=torch.float64)

    outside = torch.zeros_like(frames[:, 0])
    padded = [outside, *frames.unbind(1), outside]
    expected = 0
    for i in range(t):
        aligned = (
            F.conv2d(padded[i], previous, padding=1)
            + F.conv2d(padded[i + 1], current)
            + F.conv2d(padded[i + 2], following, padding=1)
        )
        expected = expected + F.conv2d(aligned, aggregate[:, i, :, None, None])

    folded = fold_alignment(previous, current, following, aggregate)
    got = F.conv2d(frames.flatten(1, 2), folded, padding=1)
    torch.testing.assert_close(got, expected)


def test_align_convolution_is_a_3d_one_with_a_bare_centre_in_its_middle_slice():
    t, c, r = 4, 4, 2
    frames = torch.randn(2, t, c, 6, 5, dtype=torch.float64)
    kernel = torch.randn(c, c, 3, 3, 3, dtype=torch.float64)
    kernel[:, :, 1] = 0
    kernel[:, :, 1, 1, 1] = torch.randn(c, c, dtype=torch.float64)
    aggregate = torch.randn(r, t, c, dtype=torch.float64)
    aligned = F.conv3d(frames.transpose(1, 2), kernel, padding=1)
    expected = torch.einsum('rtc,bcthw->brhw', aggregate, aligned)
    folded = fold_alignment(
        kernel[:, :, 0], kernel[:, :, 1, 1:2, 1:2], kernel[:, :, 2], aggregate
    )
    got = F.conv2d(frames.flatten(1, 2), folded, padding=1)
    torch.testing.assert_close(got, expected)


def test_weights_sum_to_one_and_stay_finite_in_half_precision():
    logits = torch.randn(2, 8, 5, 5).half() * 1000
    weights = weigh_bases(logits, temperature=0.01)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2, 5, 5))


def test_mix_matches_the_sum_written_out():
    basis, logits = torch.randn(2, 3, 4, 5), torch.randn(2, 4, 6, 7)
    weights = logits.softmax(dim=1)
    expected = torch.zeros(2, 5, 3, 6, 7)
    for m in range(4):
        for k in range(5):
            expected[:, k] += basis[:, :, m, k, None, None] * weights[:, m, None]
    torch.testing.assert_close(mix_basis_filters(basis, weights), expected)


def test_one_dominant_basis_comes_back_unblended():
    basis, logits = torch.randn(1, 2, 3, 3), torch.zeros(1, 3, 2, 2)
    logits[:, 1] = 50
    filters = mix_basis_filters(basis, weigh_bases(logits, temperature=0.01))
    expected = basis[:, :, 1].transpose(1, 2)[..., None, None].expand_as(filters)
    torch.testing.assert_close(filters, expected)


@pytest.mark.parametrize(('num_frames', 'num_taps'), [(4, 3), (4, 5), (2, 5), (1, 3)])
def test_filter_matches_the_sum_written_out(num_frames, num_taps):
    features = torch.randn(2, num_frames, 3, 4, 5)
    filters = torch.randn(2, num_taps, 3, 4, 5)
    expected = torch.zeros_like(features)
    for frame in range(num_frames):
        for tap in range(num_taps):
            source = frame + tap - num_taps // 2
            if 0 <= source < num_frames:
                expected[:, frame] += filters[:, tap] * features[:, source]
    torch.testing.assert_close(filter_over_time(features, filters), expected)


def test_filter_leaves_its_inputs_alone():
    features, filters = torch.randn(1, 4, 2, 3, 3), torch.randn(1, 3, 2, 3, 3)
    copies = features.clone(), filters.clone()
    filter_over_time(features, filters)
    assert torch.equal(features, copies[0])
    assert torch.equal(filters, copies[1])
