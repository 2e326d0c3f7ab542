"""Every config is sound, builds, takes a step, and moves all its parameters."""

from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmdeepfake.commands.complexity import find_input_shape
from mmdeepfake.engine.config_checks import check_config, find_transforms, walk_dicts
from mmdeepfake.engine.config_variables import RUNNER_KEYS
from mmdeepfake.registry import MODELS, TRANSFORMS

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    path
    for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.relative_to(ROOT).parts
)
NAMES = [str(path.relative_to(ROOT / 'configs')) for path in CONFIGS]
every_config = pytest.mark.parametrize('path', CONFIGS, ids=NAMES)

SMALL_SIDE_PX = 32
# Backbone -> rows and columns that it needs at the least, where that is more.
SMALLEST_SIDE_PX = {
    'InceptionResnetV1': 75,  # or its last reduction has no window
    'STILNet': 128,  # the last of four maps, of side / 32, is pooled by 4
    'TALLSwin': 64,  # as below
}
# Backbone -> what makes a model of it small where it is too large for these tests, in
# numbers that change no code path.
SHRUNK = {
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


def structure_of(node):
    """A model's config without what changes no code path: numbers, stages, weights."""
    if isinstance(node, dict):
        return tuple(
            (key, value if key in ('depth', 'clip_len') else structure_of(value))
            for key, value in sorted(node.items())
            if key not in ('pretrained', 'ratf_stages')
        )
    if isinstance(node, list | tuple):
        return tuple(structure_of(child) for child in node)
    return node if isinstance(node, bool | str | None) else 'a number'


def find_different_models():
    """One config of each model; leaves that differ in data or a number are twins."""
    found = {}
    for path in CONFIGS:
        cfg = Config.fromfile(path)
        shape = find_input_shape(cfg, split='train', side_px=SMALL_SIDE_PX)
        found.setdefault((structure_of(cfg.model.to_dict()), shape), path)
    return list(found.values())


MODEL_CONFIGS = find_different_models()


def build_model(cfg):
    cfg.merge_from_dict(dict(model=SHRUNK.get(cfg.model.backbone.type, {})))
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


def make_batch(cfg, model, *, split, labels):
    """What a DataLoader and the preprocessor would give for videos of noise."""
    side_px = max(SMALL_SIDE_PX, SMALLEST_SIDE_PX.get(cfg.model.backbone.type, 0))
    shape = find_input_shape(cfg, split=split)
    side_px = min(side_px, shape[-1])
    shape = find_input_shape(cfg, split=split, side_px=side_px)
    batch = dict(
        inputs=[torch.randint(0, 256, shape, dtype=torch.uint8) for _ in labels],
        data_samples=[ActionDataSample().set_gt_label(label) for label in labels],
    )
    return model.data_preprocessor(batch, training=split == 'train')


@every_config
def test_config_contradicts_nothing(path):
    check_config(Config.fromfile(path))


@every_config
def test_models_are_chosen_on_validation_and_scored_as_probabilities(path):
    cfg = Config.fromfile(path)
    assert cfg.val_dataloader.dataset.split == 'val'
    assert cfg.test_dataloader.dataset.split == 'test'
    assert cfg.default_hooks.checkpoint.save_best == 'deepfake/auc'
    assert cfg.model.cls_head.topk == (1,)
    assert cfg.model.cls_head.average_clips == 'prob'
    assert cfg.model.cls_head.num_classes == 2
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.test_mode
        assert 'real_fake_balance' not in loader.dataset


@every_config
def test_keys_of_videos_reach_the_metric(path):
    packers = list(find_transforms(Config.fromfile(path), 'PackActionInputs'))
    assert len(packers) == 3
    for _, packer in packers:
        assert {'video_key', 'num_clips'} <= set(packer.meta_keys)


@every_config
def test_training_draws_at_random_and_testing_does_not(path):
    cfg = Config.fromfile(path)
    position = {
        where.split('.')[0]: sampler.get('position', 'random')
        for where, sampler in find_transforms(cfg, 'SampleSnippets')
    }
    assert position == dict(
        train_dataloader='random', val_dataloader='centred', test_dataloader='centred'
    )


@every_config
def test_pipelines_build(path):
    cfg = Config.fromfile(path)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        for transform in loader.dataset.pipeline:
            TRANSFORMS.build(transform)


@pytest.fixture(
    scope='module',
    params=MODEL_CONFIGS,
    ids=[str(p.relative_to(ROOT)) for p in MODEL_CONFIGS],
)
def built(request):
    """A config and its model, which takes longer to build than to run."""
    init_default_scope('mmaction')
    torch.manual_seed(0)
    cfg = Config.fromfile(request.param)
    return cfg, build_model(cfg)


def backward(model, batch):
    """One backward pass; gives the names of parameters without any gradient."""
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


# Batch normalisation comes last in these, so that one real and one forged video pull
# the last layer's offsets by exactly opposite amounts.
ENDS_IN_NORM = ('DeepRhythmNet',)


def test_every_parameter_is_moved(built):
    cfg, model = built
    labels = (1, 1) if cfg.model.backbone.type in ENDS_IN_NORM else (0, 1)
    batch = make_batch(cfg, model, split='train', labels=labels)
    still = backward(model, batch)
    if still:
        # A weight that starts at zero, as the scale of a residual branch does, holds
        # back the gradient of all before it, until it has moved itself.
        gates = [
            parameter
            for name, parameter in model.named_parameters()
            if name.endswith('weight') and not parameter.any() and parameter.grad.any()
        ]
        assert gates, f'no gradient, and no zero start to explain it: {still}'
        torch.optim.SGD(gates, lr=1).step()
        assert backward(model, batch) == []


def test_videos_are_scored_at_the_test_sampling(built):
    cfg, model = built
    batch = make_batch(cfg, model, split='test', labels=(0, 1))
    # Random weights grow features without end, unless normalised by their own batch.
    for module in model.modules():
        module.training = isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
    with torch.no_grad():
        samples = model(**batch, mode='predict')
    assert len(samples) == 2
    for sample in samples:
        assert sample.pred_score.shape == (2,)
        torch.testing.assert_close(sample.pred_score.sum(), torch.tensor(1.0))


@pytest.mark.parametrize('quality', ['lq', 'hq'])
def test_the_papers_recipe_is_stated_as_printed(quality):
    cfg = Config.fromfile(ROOT / f'configs/ratf_r50_ffpp_{quality}.py')
    samplers = {
        where.split('.')[0]: sampler
        for where, sampler in find_transforms(cfg, 'SampleSnippets')
    }
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


@pytest.mark.parametrize('quality', ['lq', 'hq'])
@pytest.mark.parametrize(
    ('leaf', 'methods'),
    [
        ('', ['Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures']),
        ('_df', ['Deepfakes']),
        ('_f2f', ['Face2Face']),
        ('_fs', ['FaceSwap']),
        ('_nt', ['NeuralTextures']),
    ],
)
def test_leaves_read_their_manipulations_and_quality(quality, leaf, methods):
    cfg = Config.fromfile(ROOT / f'configs/ratf_r50_ffpp_{quality}{leaf}.py')
    for name in ('train', 'val', 'test'):
        dataset = cfg[f'{name}_dataloader'].dataset
        assert dataset.methods == methods
        assert dataset.compression == dict(lq='c40', hq='c23')[quality]


def test_whole_model_has_the_parameters_of_the_specification():
    cfg = Config.fromfile(ROOT / 'configs/ratf_r50_ffpp_lq.py')
    model = build_model(cfg)
    assert sum(p.numel() for p in model.parameters()) == 30_595_186


BASELINES = [
    path
    for path in CONFIGS
    if path.parent.name == 'baselines' or path.name.endswith('_miniff.py')
]
# What a row may sample and pack in its own way; the frames themselves are the same.
OWN_TRANSFORMS = ('SampleSnippets',)
# Which weights of the model are trained when: that is the method.
OWN_HOOKS = ('AltFreezingHook',)
OWN_KEYS = ('find_unused_parameters',)  # it goes with that hook
# Choose among the sampled frames, or pack them in a way of their own.
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
# Backbones whose weights want frames of another size.
OWN_SIZES = ('InceptionResnetV1',)


def common_part(cfg):
    """The config without its model and without how frames are sampled and packed."""
    for name in OWN_TRANSFORMS:
        for _, node in find_transforms(cfg, name):
            for argument in set(node) - {'type', 'position'}:
                del node[argument]
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        steps = loader.dataset.pipeline
        loader.dataset.pipeline = [step for step in steps if step.type not in OWN_STEPS]
        loader.dataset.pop('leave_out_unsuited', None)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        evaluator.pop('score_rule', None)
    cfg.custom_hooks = [h for h in cfg.custom_hooks if h.type not in OWN_HOOKS]
    # Other variables of a config have done their work when it is read.
    return {
        k: v
        for k, v in cfg.to_dict().items()
        if k in RUNNER_KEYS - {'model', *OWN_KEYS}
    }


@pytest.mark.parametrize('path', BASELINES, ids=lambda path: path.stem)
def test_baseline_differs_from_ratf_in_model_and_sampling_alone(path):
    data = 'miniff' if path.name.endswith('_miniff.py') else path.stem[-7:]
    assert data in ('miniff', 'ffpp_lq', 'ffpp_hq')
    ratf = 'miniff/ratf_r18_miniff.py' if data == 'miniff' else f'ratf_r50_{data}.py'
    row, expected = Config.fromfile(path), Config.fromfile(ROOT / f'configs/{ratf}')
    if row.model.backbone.type in OWN_SIZES:
        for _, resize in (
            *find_transforms(row, 'Resize'),
            *find_transforms(expected, 'Resize'),
        ):
            del resize['scale']
    assert common_part(row) == common_part(expected)
