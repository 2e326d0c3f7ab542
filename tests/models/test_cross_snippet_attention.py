import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from oracles.cross_snippet import attend
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.necks import CrossSnippetAttention
from mmdeepfake.ops.snippet_attention import relate_channels, relate_positions


def make_csa(**options):
    csa = CrossSnippetAttention(16, 2, **options).double()
    for parameter in csa.parameters():
        nn.init.normal_(parameter, std=0.5)
    return csa


def random_maps(num_videos=2, num_snippets=3):
    return torch.randn(num_videos, 16, num_snippets * 2, 2, 3, dtype=torch.float64)


def test_it_matches_the_plain_loops():
    csa = make_csa()
    maps = random_maps()
    got = csa.forward_snippets(maps).maps.detach()  # (B, S, C', T, h, w)
    for video in range(2):
        # (C, S*T, h, w) -> (S, T*h*w, C)
        snippets = maps[video].unflatten(1, (3, 2)).permute(1, 2, 3, 4, 0).flatten(1, 3)
        expected = attend(
            snippets.numpy(),
            csa.reduce.weight.detach().flatten(1).numpy().T,
            csa.restore.weight.detach().numpy().T,
        )
        ours = got[video].permute(0, 2, 3, 4, 1).flatten(1, 3).numpy()
        np.testing.assert_allclose(ours, expected, rtol=1e-9)


def test_eq_4_written_as_a_sum_over_snippets_equals_the_mean_identity():
    x = torch.randn(2, 5, 7, 4, dtype=torch.float64)
    positions, channels = relate_positions(x), relate_channels(x)
    for n in range(5):
        by_sum = sum(x[:, i] @ x[:, n].transpose(1, 2) for i in range(5)) / 5
        torch.testing.assert_close(positions[:, n], by_sum)
        by_sum = sum(x[:, i].transpose(1, 2) @ x[:, n] for i in range(5)) / 5
        torch.testing.assert_close(channels[:, n], by_sum)


def test_channel_affinity_mixes_channels_of_the_same_snippet():
    csa = make_csa(affinity='channel')
    maps = random_maps(1, 2)
    got = csa.forward_snippets(maps)
    reduced = csa.reduce(maps.flatten(3)).unflatten(2, (2, 2)).flatten(3)
    x = reduced[0].transpose(0, 1)  # (S, D, L)
    for n in range(2):
        affinity = sum(x[i] @ x[n].T for i in range(2)) / 2  # channels as rows
        attention = (affinity / 12**0.5).softmax(dim=-1)
        torch.testing.assert_close(got.attention[0, n], attention)
        gate = (csa.restore((attention @ x[n]).mean(dim=1))).sigmoid()
        torch.testing.assert_close(got.gates[0, n], gate)


def test_permuting_snippets_permutes_the_output():
    csa = make_csa()
    maps = random_maps(1, 4)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = maps.unflatten(2, (4, 2))[:, :, order].flatten(2, 3)
    torch.testing.assert_close(
        csa.forward_snippets(shuffled).maps, csa.forward_snippets(maps).maps[:, order]
    )
    torch.testing.assert_close(csa([shuffled])[0], csa([maps])[0])


def test_without_restoring_weights_every_gate_is_one_half():
    csa = make_csa()
    nn.init.zeros_(csa.restore.weight)
    maps = random_maps()
    out = csa.forward_snippets(maps).maps
    expected = 0.5 * maps.unflatten(2, (3, 2)).transpose(1, 2)
    assert torch.equal(out, expected)


def test_output_is_the_mean_over_snippets_and_frames():
    csa = make_csa()
    maps = random_maps()
    torch.testing.assert_close(
        csa([maps])[0][:, :, 0], csa.forward_snippets(maps).maps.mean(dim=(1, 3))
    )


def test_parameter_count_on_resnet_50():
    csa = CrossSnippetAttention(2048, 4)
    assert sum(p.numel() for p in csa.parameters()) == 1_048_576


def test_large_half_precision_features_stay_finite():
    csa = CrossSnippetAttention(16, 2)
    with torch.autocast('cpu', dtype=torch.float16):
        maps = csa.forward_snippets(torch.randn(1, 16, 4, 3, 3).half() * 300).maps
    assert torch.isfinite(maps).all()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(affinity='time'), "affinity = 'time'.*'position', 'channel'"),
        (dict(reduction=5), 'reduction = 5.*need a divisor of in_channels = 16'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        CrossSnippetAttention(16, 2, **options)


def test_a_tensor_cut_along_the_batch_is_refused():
    with pytest.raises(ConfigError, match='got 3 maps: need one'):
        make_csa()(list(random_maps(3)))


def test_maps_of_a_wrong_shape_are_refused():
    with pytest.raises(ConfigError, match=r'of shape \(1, 8, 4, 2, 3\).*16 channels'):
        make_csa()([torch.zeros(1, 8, 4, 2, 3)])
    with pytest.raises(ConfigError, match='got 5 frames a video, not a multiple'):
        make_csa()([torch.zeros(1, 16, 5, 2, 3)])


def test_several_crops_are_refused():
    sample = ActionDataSample(metainfo=dict(num_clips=2))
    with pytest.raises(ConfigError, match=r'6 images a video.*2 snippets of 2 frames'):
        make_csa()([random_maps(1, 3)], data_samples=[sample])
