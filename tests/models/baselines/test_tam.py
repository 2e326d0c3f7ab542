import re

import pytest
import torch
from mmaction.models.backbones.tanet import TANet
from mmaction.models.common import TAM
from mmaction.models.heads import TSMHead, TSNHead
from oracles import tam_in_loops
from recognizer_checks import TWO_STAGES, build_from_config, predict
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.tam import TAMResNet, TemporalAdaptiveModule


def randomise(module):
    """Take every tensor far from its start, batch statistics included."""
    for name, tensor in module.state_dict().items():
        if name.endswith('running_var'):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point():
            tensor.normal_(std=0.5)
    return module


def arrays_of(module):
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


@torch.no_grad()
@pytest.mark.parametrize('num_segments', [3, 8])
def test_stock_module_matches_the_paper_in_loops(num_segments):
    module = randomise(TAM(8, num_segments)).double().eval()
    x = torch.randn(2 * num_segments, 8, 3, 4, dtype=torch.float64)
    clips = zip(x.split(num_segments), module(x).split(num_segments), strict=True)
    for clip, out in clips:
        expected = tam_in_loops.adapt(clip.numpy(), arrays_of(module))
        torch.testing.assert_close(out, torch.from_numpy(expected))


def in_torchvision_names(resnet_state):
    """The names of torchvision's ResNet for the tensors of MMAction2's."""
    renames = (
        (r'downsample\.conv\.', 'downsample.0.'),
        (r'downsample\.bn\.', 'downsample.1.'),
        (r'conv(\d)\.conv\.', r'conv\1.'),
        (r'conv(\d)\.bn\.', r'bn\1.'),
    )
    state = {}
    for name, tensor in resnet_state.items():
        for pattern, replacement in renames:
            name = re.sub(pattern, replacement, name)
        state[name] = tensor
    return state


def test_imagenet_weights_are_read_by_init_weights_and_reach_every_block(tmp_path):
    """A constructor that reads them could not be called to test a checkpoint."""
    path = tmp_path / 'imagenet.pth'
    network = TAMResNet(18, num_segments=4, pretrained=str(path))
    plain = {
        name: torch.randn_like(tensor.float())
        for name, tensor in network.state_dict().items()
        if '.temporal.' not in name and not name.endswith('num_batches_tracked')
    }
    torch.save(in_torchvision_names(plain), path)
    network.init_weights()
    loaded = network.state_dict()
    for name, tensor in plain.items():
        assert torch.equal(loaded[name], tensor), name


@torch.no_grad()
def test_network_of_depth_50_equals_tanet():
    stock = TANet(50, num_segments=4, **TWO_STAGES)
    randomise(nn.ModuleList(m for m in stock.modules() if isinstance(m, TAM)))
    ours = TAMResNet(50, num_segments=4, temporal_stages=(True, True), **TWO_STAGES)
    ours.load_state_dict(
        {
            name.replace('.tam.', '.temporal.').replace('.block.', '.'): tensor
            for name, tensor in stock.state_dict().items()
        }
    )
    stock.train(False)
    frames = torch.randn(8, 3, 32, 32)
    expected = stock(frames)
    assert expected.abs().max() > 1e-2
    torch.testing.assert_close(ours.eval()(frames)[0], expected)


def test_start_of_the_module_is_torch_s_default():
    module = TemporalAdaptiveModule(32, 8)
    torch.manual_seed(3)
    expected = TAM(32, 8).state_dict()
    torch.manual_seed(3)
    module.init_weights()
    assert arrays_of(module).keys() == expected.keys()
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


@torch.no_grad()
def test_its_own_head_and_the_snippets_head_agree_on_eight_frames():
    options = dict(num_classes=2, in_channels=6, init_std=0.1, dropout_ratio=0.5)
    heads = TSMHead(num_segments=8, **options), TSNHead(**options)
    heads[1].load_state_dict(heads[0].state_dict())
    maps = torch.randn(16, 6, 3, 3)
    ours, theirs = (head.eval()(maps, num_segs=8) for head in heads)
    torch.testing.assert_close(ours, theirs)


@torch.no_grad()
def test_snippets_are_filtered_each_by_itself():
    half = dict(temporal_stages=(True, True), **TWO_STAGES)
    model = build_from_config('baselines/tam_snippets_ffpp_lq.py', **half)
    model.cls_head.fc_cls = nn.Linear(512, 2)
    nn.init.normal_(model.cls_head.fc_cls.weight)
    clips = torch.randn(1, 12, 3, 32, 32)
    changed = clips.clone()
    changed[:, 4:8] = torch.randn(1, 4, 3, 32, 32)
    (before,), (after,) = predict(model, clips), predict(model, changed)
    assert before.snippet_scores.shape == (3,)
    same = before.snippet_scores == after.snippet_scores
    assert same.tolist() == [True, False, True]


def test_uniform_frames_give_one_score_a_video():
    model = build_from_config('miniff/tam_r18_miniff.py')
    for sample in predict(model, torch.randn(2, 8, 3, 32, 32)):
        assert sample.pred_score.shape == (2,)
        torch.testing.assert_close(sample.snippet_scores, sample.pred_score[1:])


def test_too_few_segments_are_refused():
    with pytest.raises(ConfigError, match=r'num_segments = 2 of TAMResNet: .* 3 or'):
        TAMResNet(18, num_segments=2)


def test_frames_of_no_whole_clip_are_refused():
    with pytest.raises(ConfigError, match='TAMResNet got 6 frames, not a multiple'):
        TAMResNet(18, num_segments=4)(torch.randn(6, 3, 32, 32))
