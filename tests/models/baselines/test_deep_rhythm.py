import pytest
import torch
from mmengine.config import Config
from oracles import deep_rhythm_by_step as oracle
from recognizer_checks import CONFIGS
from torch import nn

from mmdeepfake.datasets.transforms.mmst_map import BuildMMSTMap
from mmdeepfake.engine.config_checks import find_transforms
from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.deep_rhythm import DeepRhythmNet, OneLogitHead

FFPP = 'baselines/deep_rhythm_ffpp_lq.py'
MINIFF = 'miniff/deep_rhythm_short_miniff.py'
AXES = {'width': 2, 'channel': 3}


def make_network(bn_axis, num_frames=30):
    """In evaluation, with statistics and gains unlike the initial ones."""
    network = DeepRhythmNet(num_frames, bn_axis=bn_axis).double()
    network.init_weights()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(std=0.1)
    nn.init.constant_(network.alpha, 1.3)
    nn.init.constant_(network.beta, -0.2)
    return network.train(False)


def as_keras(maps):
    return maps.permute(0, 2, 3, 1)  # (B, T, 25, C)


def test_sizes_are_those_of_the_paper():
    network = DeepRhythmNet(bn_axis='width').eval()
    sizes = []
    for module in (network.stem, *network.blocks[1::2]):
        module.register_forward_hook(lambda m, i, out: sizes.append(out.shape[2:]))
    with torch.no_grad():
        assert network(torch.rand(1, 3, 300, 25)).shape == (1, 512, 1, 1)
    assert sizes == [(150, 13), (75, 7), (38, 4), (19, 2), (10, 1)]


@pytest.mark.parametrize(('bn_axis', 'num_frames'), [('width', 30), ('channel', 41)])
@torch.no_grad()
def test_features_match_the_steps_of_the_public_code(bn_axis, num_frames):
    network = make_network(bn_axis, num_frames)
    maps = torch.rand(1, 3, num_frames, 25, dtype=torch.float64)
    weights, axis = network.state_dict(), AXES[bn_axis]
    expected = oracle.network(as_keras(maps), weights, axis=axis)
    found = network(maps)[0, :, 0, 0]
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


@torch.no_grad()
def test_scores_of_frames_enter_as_in_the_public_code():
    network = make_network('channel')
    maps = torch.rand(1, 3, 30, 25, dtype=torch.float64)
    scores = torch.rand(30, dtype=torch.float64)
    channel = scores[None, None, :, None].expand(1, 1, 30, 25)
    expected = oracle.network(
        as_keras(maps), network.state_dict(), axis=3, scores=scores.tolist()
    )
    found = network(torch.cat([maps, channel], dim=1))[0, :, 0, 0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    ones = torch.cat([maps, torch.ones_like(maps[:, :1])], dim=1)
    torch.testing.assert_close(network(ones), network(maps))


def test_each_column_is_normalised_by_itself_with_the_width_axis():
    norm = DeepRhythmNet(30, bn_axis='width').stem.norm.train()
    x = torch.randn(4, 64, 6, 13) * torch.arange(1.0, 14.0) + torch.arange(13.0)
    columns = norm(x)
    assert norm.norm.num_features == 13
    torch.testing.assert_close(
        columns.mean(dim=(0, 1, 2)), torch.zeros(13), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(
        columns.var(dim=(0, 1, 2), correction=0), torch.ones(13), atol=2e-3, rtol=0
    )


@torch.no_grad()
def test_the_head_gives_one_logit_whose_sigmoid_is_the_score():
    head = OneLogitHead(2, 8, topk=(1,), average_clips='prob', init_std=1.0).eval()
    maps = torch.randn(3, 8, 1, 1)
    logit = maps[..., 0, 0] @ head.fc_cls.weight.T + head.fc_cls.bias
    assert logit.shape == (3, 1)
    logits = head(maps, num_segs=1)
    torch.testing.assert_close(logits.softmax(dim=1)[:, 1:], logit.sigmoid())
    labels = torch.tensor([1, 0, 1])
    torch.testing.assert_close(
        nn.functional.cross_entropy(logits, labels),
        nn.functional.binary_cross_entropy_with_logits(logit[:, 0], labels.float()),
    )


def test_the_head_refuses_other_classes():
    with pytest.raises(ConfigError, match='num_classes = 3 of OneLogitHead: need 2'):
        OneLogitHead(3, 8)


def test_the_lstm_starts_as_keras_has_it():
    lstm = make_network('channel').temporal.lstm
    bias = lstm.weight_ih_l0[:, -1].unflatten(0, (4, 30))
    assert bias.sum(dim=1).tolist() == [0, 30, 0, 0]  # the forget gate's are 1
    product = lstm.weight_hh_l0.T @ lstm.weight_hh_l0
    torch.testing.assert_close(product, torch.eye(30, dtype=torch.float64))


@pytest.mark.parametrize('shape', [(3, 299, 25), (3, 300, 24), (5, 300, 25)])
def test_maps_of_another_size_are_refused(shape):
    with torch.device('meta'):
        network = DeepRhythmNet()
    with pytest.raises(ConfigError, match=r'need \(3 or 4, 300, 25\) of num_frames'):
        network(torch.empty(1, *shape, device='meta'))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(num_frames=29), 'num_frames = 29 of DeepRhythmNet: need 30 or more'),
        (dict(bn_axis='time'), "bn_axis = 'time' of DeepRhythmNet: allowed are 'chan"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        DeepRhythmNet(**options)


@pytest.mark.parametrize(('name', 'num_frames'), [(FFPP, 300), (MINIFF, 40)])
def test_network_gets_as_many_consecutive_frames_as_it_reads(name, num_frames):
    cfg = Config.fromfile(CONFIGS / name)
    assert cfg.model.backbone.num_frames == num_frames
    samplers = [sampler for _, sampler in find_transforms(cfg, 'SampleSnippets')]
    assert len(samplers) == 3
    for sampler in samplers:
        assert (sampler.num_snippets, sampler.clip_len) == (1, num_frames)
        assert sampler.get('stride_frames', 1) == 1
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        dataset = cfg[loader].dataset
        assert dataset.get('leave_out_unsuited', False) == (name == FFPP)
        assert dataset.pipeline[-2].type == BuildMMSTMap.__name__
