"""Every config is consistent, builds, makes a step, and trains all its parameters."""

import numpy as np
import pytest
import torch
from builders import CLASSIC_METHODS
from config_reading import LOADERS, datasets_of, list_configs, read_config
from mmaction.structures import ActionDataSample
from mmengine.registry import init_default_scope
from recognizer_checks import TWO_STAGES

from mmdeepfake.commands.complexity import find_input_shape
from mmdeepfake.engine.config_checks import check_config, find_transforms, walk_dicts
from mmdeepfake.engine.config_variables import RUNNER_KEYS
from mmdeepfake.registry import MODELS, TRANSFORMS

NAMES = list_configs('**/*.py')

SMALL_SIDE_PX = 32
# Backbone -> minimum number of rows and columns, if larger.
SMALLEST_SIDE_PX = {
    'InceptionResnetV1': 75,  # or its last reduction has no window
    'RATFLite0': 64,  # at one position all bases are the same, and no logit matters
    'STILNet': 128,  # the last of four maps, of side / 32, is pooled by 4
    'TALLSwin': 64,  # as below
}
# Backbone -> settings that make a large model small without changing code paths.
SHRUNK = {
    'FTCN': dict(
        backbone=dict(stage_blocks=(2, 2, 2), base_channels=16),
        cls_head=dict(in_channels=256),
    ),
    'InceptionResnetV1': dict(backbone=dict(num_blocks=(1, 1, 2), width_ratio=0.25)),
    'TALLSwin': dict(
        backbone=dict(
            side_px=64,
            embed_dims=32,
            depths=(2, 2, 2, 2),
            num_heads=(1, 2, 4, 8),
            window_sizes=(8, 8, 4, 2),
        ),
        cls_head=dict(in_channels=256),
    ),
    'TwoBranchDenseNet': dict(
        backbone=dict(num_layers=(1, 1, 1, 1), growth=8, stem_channels=16),
        cls_head=dict(in_channels=17),
    ),
    'VideoMAEVisionTransformer': dict(backbone=dict(depth=2)),
}


# ResNets -> flags of their stages, of which two have each of their parts.
OF_STAGES = {
    'ResNet': None,
    'RATFNet': 'ratf_stages',
    'TAMResNet': 'temporal_stages',
    'TConvNet': 't_conv_stages',
    'TEINet': 'temporal_stages',
}
NUMBERS = 'numbers'
# 3D networks of 64 channels a stage, which a quarter of them makes quick.
WIDE = ('DSANet', 'ResNet3d', 'V4D')


def structure_of(node, *, sizes):
    """Return a model's config without stages and weights; numbers only if wanted."""
    if isinstance(node, dict):
        parts = (
            (key, structure_of(value, sizes=sizes))
            for key, value in sorted(node.items())
            if key not in ('pretrained', 'ratf_stages')
        )
        return tuple(part for part in parts if part[1] != NUMBERS)
    if isinstance(node, list | tuple):
        children = [structure_of(child, sizes=sizes) for child in node]
        return NUMBERS if {*children} == {NUMBERS} else tuple(children)
    return node if sizes or isinstance(node, bool | str | None) else NUMBERS


MODEL_OF = {
    name: read_config(name).model.to_dict()
    for name in sorted(NAMES, key=lambda name: not name.startswith('miniff/'))
}


def find_different_models(*, sizes):
    """Return one config of each model, MiniFF's small one where there is one."""
    found = {}
    for name, model in MODEL_OF.items():
        found.setdefault(structure_of(model, sizes=sizes), name)
    return list(found.values())


MODELS_TO_TRAIN = find_different_models(sizes=False)


def keep_two_stages(model):
    flags = OF_STAGES[model.backbone.type]
    model.backbone.update({flags: (True, True)} if flags else {}, **TWO_STAGES)
    for part in ('neck', 'cls_head'):
        if model.get(part):
            model[part].in_channels = 512 if model.backbone.depth == 50 else 128


def build_model(cfg):
    cfg.merge_from_dict(dict(model=SHRUNK.get(cfg.model.backbone.type, {})))
    if cfg.model.backbone.type in OF_STAGES:
        # A map of forged places has to be as large as that of four stages.
        if cfg.model.cls_head.type == 'LocalisingHead':
            cfg.model.backbone.depth = 18
            cfg.model.neck.in_channels = cfg.model.cls_head.in_channels = 512
        else:
            keep_two_stages(cfg.model)
    if cfg.model.backbone.type in WIDE and 'base_channels' not in cfg.model.backbone:
        cfg.model.backbone.base_channels = 16
        cfg.model.cls_head.in_channels //= 4
    for path, node in walk_dicts(cfg.model, 'model'):
        source = node.get('pretrained')
        assert not isinstance(source, str) or '://' in source, path
        assert node.get('type') != 'Pretrained', f'{path}: use `pretrained`'
        if isinstance(source, str):
            node['pretrained'] = None  # no network in tests
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    return model


def small_input_shape(cfg, split):
    side_px = max(SMALL_SIDE_PX, SMALLEST_SIDE_PX.get(cfg.model.backbone.type, 0))
    side_px = min(side_px, find_input_shape(cfg, split=split)[-1])
    return find_input_shape(cfg, split=split, side_px=side_px)


def make_batch(cfg, model, *, split, labels):
    """Return the preprocessed batch of a DataLoader for videos of noise."""
    shape = small_input_shape(cfg, split)
    batch = dict(
        inputs=[torch.randint(0, 256, shape, dtype=torch.uint8) for _ in labels],
        data_samples=[ActionDataSample().set_gt_label(label) for label in labels],
    )
    if cfg.model.cls_head.type == 'LocalisingHead':
        cells = -(-shape[-1] // 32)
        for sample, label in zip(batch['data_samples'], labels, strict=True):
            forged = np.full((shape[0], cells, cells), label, np.float32)
            sample.set_metainfo({'forgery_map': forged})
    return model.data_preprocessor(batch, training=split == 'train')


@pytest.mark.parametrize('name', NAMES)
def test_config_is_consistent(name):
    cfg = read_config(name)
    check_config(cfg)
    assert [dataset.split for dataset in datasets_of(cfg)] == ['train', 'val', 'test']
    assert cfg.default_hooks.checkpoint.save_best == 'deepfake/auc'
    head = cfg.model.cls_head
    assert (head.topk, head.average_clips, head.num_classes) == ((1,), 'prob', 2)
    for dataset in datasets_of(cfg)[1:]:
        assert dataset.test_mode
        assert 'real_fake_balance' not in dataset
    packers = [packer for _, packer in find_transforms(cfg, 'PackActionInputs')]
    assert len(packers) == 3
    for packer in packers:
        assert {'video_key', 'num_clips'} <= set(packer.meta_keys)
    positions = {
        where.split('.')[0]: sampler.get('position', 'random')
        for where, sampler in find_transforms(cfg, 'SampleSnippets')
    }
    assert [positions[name] for name in LOADERS] == ['random', 'centred', 'centred']
    footage = 'rendered' if 'miniff' in name else 'real video'
    for dataset in datasets_of(cfg):
        assert dataset.footage == footage
        for transform in dataset.pipeline:
            TRANSFORMS.build(transform)


@pytest.fixture(scope='module', params=MODELS_TO_TRAIN)
def built(request):
    """A config and its model, which takes longer to build than to run."""
    init_default_scope('mmaction')
    torch.manual_seed(0)
    cfg = read_config(request.param)
    # ImageNet's statistics do not fit random weights: maps saturate.
    if cfg.model.backbone.get('norm_eval'):
        cfg.model.backbone.norm_eval = False
    return cfg, build_model(cfg)


def backward(model, batch):
    """Make a backward pass; return the names of parameters with zero gradient."""
    model.zero_grad()
    loss, _ = model.parse_losses(model(**batch, mode='loss'))
    assert torch.isfinite(loss)
    loss.backward()
    still = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            if not parameter.grad.any():
                still.append(name)
    return still


# With batch normalisation at the end, the gradients of one real and one fake video for
# the last layer's offsets cancel.
ENDS_IN_NORM = ('DeepRhythmNet',)


def test_every_parameter_gets_a_gradient(built):
    cfg, model = built
    labels = (1, 1) if cfg.model.backbone.type in ENDS_IN_NORM else (0, 1)
    batch = make_batch(cfg, model, split='train', labels=labels)
    still = backward(model, batch)
    if still:
        # A weight that starts at zero, e.g. the scale of a residual branch, blocks the
        # gradient of all layers before it until its first step.
        gates = [
            parameter
            for name, parameter in model.named_parameters()
            if name.endswith('weight') and not parameter.any() and parameter.grad.any()
        ]
        assert gates, f'zero gradient without a weight of zero: {still}'
        torch.optim.SGD(gates, lr=1).step()
        assert backward(model, batch) == []


def test_videos_are_scored_at_the_test_sampling(built):
    cfg, model = built
    batch = make_batch(cfg, model, split='test', labels=(0, 1))
    # With random weights, features explode unless normalised by their own batch.
    for module in model.modules():
        module.training = isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
    with torch.no_grad():
        samples = model(**batch, mode='predict')
    assert len(samples) == 2
    for sample in samples:
        assert sample.pred_score.shape == (2,)
        torch.testing.assert_close(sample.pred_score.sum(), torch.tensor(1.0))


# Of ablations, tests/test_ablations.py counts the parameters; baselines are run by
# tests/commands/test_complexity.py.
SIZES = {*find_different_models(sizes=True)} - {
    *MODELS_TO_TRAIN,
    *list_configs('abl*/*'),
    *list_configs('baselines/*'),
}


@torch.no_grad()
@pytest.mark.parametrize('name', sorted(SIZES))
def test_parts_of_a_model_of_another_size_fit_together(name):
    cfg, device = read_config(name), 'meta'
    shape = find_input_shape(cfg, split='test')
    if cfg.model.backbone.type == 'VideoMAEVisionTransformer':
        cfg.model.backbone.depth, device = 1, 'cpu'  # a number is read off a tensor
        shape = small_input_shape(cfg, 'test')
    with torch.device(device):
        model = MODELS.build(cfg.model)
        model.train(False)
        scores, _ = model.extract_feat(torch.zeros(1, *shape), stage='head')
    assert scores.shape[-1] == 2


@pytest.mark.parametrize('quality', ['lq', 'hq'])
def test_recipe_is_that_of_the_paper(quality):
    cfg = read_config(f'ratf_r50_ffpp_{quality}.py')
    samplers = {
        where.split('.')[0]: sampler
        for where, sampler in find_transforms(cfg, 'SampleSnippets')
    }
    for dataset in datasets_of(cfg):
        assert dataset.compression == dict(lq='c40', hq='c23')[quality]
        assert set(dataset.methods) == set(CLASSIC_METHODS)
    train, test = samplers['train_dataloader'], samplers['test_dataloader']
    assert (train.num_snippets, train.clip_len) == (4, 4)
    assert (test.num_snippets, test.clip_len) == (8, 4)
    assert cfg.train_dataloader.batch_size == 12
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-4, weight_decay=0)
    assert cfg.param_scheduler[0].milestones == [15, 30]
    assert cfg.param_scheduler[0].gamma == 0.1
    assert cfg.train_cfg.max_epochs == 45
    sides = {tuple(t.scale) for _, t in find_transforms(cfg, 'Resize')}
    assert sides == {(224, 224)}
    assert [t.flip_ratio for _, t in find_transforms(cfg, 'Flip')] == [0.5]
    assert cfg.model.backbone.depth == 50
    assert cfg.model.backbone.pretrained.endswith('resnet50-0676ba61.pth')


def test_full_model_has_the_parameters_of_the_specification():
    with torch.device('meta'):
        model = MODELS.build(read_config('ratf_r50_ffpp_lq.py').model)
    assert sum(p.numel() for p in model.parameters()) == 30_595_314


BASELINES = [*list_configs('baselines/*.py'), *list_configs('**/*_miniff.py')]
# Sampling and packing may differ; the frames do not.
OWN_TRANSFORMS = ('SampleSnippets',)
# Freezing schedules are part of the method.
OWN_HOOKS = ('AltFreezingHook',)
OWN_KEYS = ('find_unused_parameters',)  # needed by that hook
# Steps that select sampled frames, or pack them differently.
OWN_STEPS = (
    'BuildMMSTMap',
    'CoMotionPattern',
    'ComputeLandmarkFlow',
    'FaceAttentionMask',
    'FormatShape',
    'LoadFaceLandmarks',
    'MarkFacialParts',
    'TemporalDropout',
    'ThumbnailLayout',
)
# Backbones with another frame size.
OWN_SIZES = ('InceptionResnetV1',)


def common_part(cfg):
    """Return the config without its model, sampling and packing."""
    for name in OWN_TRANSFORMS:
        for _, node in find_transforms(cfg, name):
            for argument in set(node) - {'type', 'position'}:
                del node[argument]
    for dataset in datasets_of(cfg):
        dataset.pipeline = [s for s in dataset.pipeline if s.type not in OWN_STEPS]
        dataset.pop('leave_out_unsuited', None)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        evaluator.pop('score_rule', None)
    cfg.custom_hooks = [h for h in cfg.custom_hooks if h.type not in OWN_HOOKS]
    return {
        k: v
        for k, v in cfg.to_dict().items()
        if k in RUNNER_KEYS - {'model', *OWN_KEYS}
    }


@pytest.mark.parametrize('name', BASELINES)
def test_baseline_differs_from_ratf_in_model_and_sampling_alone(name):
    data = name.removesuffix('.py').split('_', 1)[1]
    full = {'miniff': 'miniff/ratf_r18_miniff.py', 'ffpp_lq': 'ratf_r50_ffpp_lq.py'}
    (expected,) = [read_config(path) for key, path in full.items() if key in data]
    row = read_config(name)
    if row.model.backbone.type in OWN_SIZES:
        for cfg in (row, expected):
            for _, resize in find_transforms(cfg, 'Resize'):
                del resize['scale']
    assert common_part(row) == common_part(expected)
