"""Every config is sound, builds, takes a step, and moves all its parameters."""

from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config

from mmdeepfake.engine.config_checks import check_config, find_transforms
from mmdeepfake.registry import MODELS, TRANSFORMS

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    path
    for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.relative_to(ROOT).parts
)
NAMES = [str(path.relative_to(ROOT / 'configs')) for path in CONFIGS]
every_config = pytest.mark.parametrize('path', CONFIGS, ids=NAMES)

# Leaves that differ in their data alone build the same model: one of each is stepped.
SAME_MODEL_AS_ANOTHER = ('_hq', '_df', '_f2f', '_fs', '_nt', '_temporal')
MODEL_CONFIGS = [p for p in CONFIGS if not p.stem.endswith(SAME_MODEL_AS_ANOTHER)]
SMALL_SIDE_PX = 64


def build_model(cfg):
    backbone = cfg.model.backbone
    assert not backbone.get('pretrained') or '://' in backbone.pretrained
    backbone.pretrained = None  # no network in tests
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    return model


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


@pytest.mark.parametrize(
    'path', MODEL_CONFIGS, ids=[str(p.relative_to(ROOT)) for p in MODEL_CONFIGS]
)
def test_one_step_moves_every_parameter(path):
    cfg = Config.fromfile(path)
    model = build_model(cfg)
    num_frames = 2 * cfg.model.neck.clip_len if cfg.model.neck else 8
    clips = torch.randn(2, num_frames, 3, SMALL_SIDE_PX, SMALL_SIDE_PX)
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 1)]
    losses = model.loss(clips, samples)
    assert torch.isfinite(losses['loss_cls'])
    losses['loss_cls'].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


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


def test_before_training_all_models_without_csa_agree():
    """Identity starts on the same weights and the same head give the same scores."""
    clips = torch.randn(1, 8, 3, SMALL_SIDE_PX, SMALL_SIDE_PX)
    states, logits = None, []
    for name in ('resnet', 't_conv', 'ratf_no_csa'):
        cfg = Config.fromfile(ROOT / f'configs/miniff/{name}_r18_miniff.py')
        if 'ratf_cfg' in cfg.model.backbone:
            cfg.model.backbone.ratf_cfg = dict(init='identity')
        model = build_model(cfg).train(False)
        states = states or model.state_dict()
        model.load_state_dict(states, strict=False)
        logits.append(model.extract_feat(clips, stage='head')[0])
    torch.testing.assert_close(logits[1], logits[0])
    torch.testing.assert_close(logits[2], logits[0], rtol=1e-4, atol=1e-6)
