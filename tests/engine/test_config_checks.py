import pytest

from mmdeepfake.engine.config_checks import LOADERS, check_config, find_datasets
from mmdeepfake.errors import ConfigError


def make_loader(split, num_snippets):
    pipeline = [
        dict(type='SampleSnippets', clip_len=4, num_snippets=num_snippets),
        dict(type='Resize', scale=(64, 64)),
    ]
    dataset = dict(
        type='FaceForensics',
        data_root='data/ffpp',
        methods=['FaceSwap'],
        split=split,
        pipeline=pipeline,
    )
    return dict(batch_size=2, dataset=dataset)


@pytest.fixture
def cfg():
    """A config without a contradiction."""
    return dict(
        model=dict(type='Recognizer2D', backbone=dict(type='RATFNet', clip_len=4)),
        default_hooks=dict(checkpoint=dict(save_best='deepfake/auc')),
        train_dataloader=make_loader('train', 4),
        val_dataloader=make_loader('val', 8),
        test_dataloader=make_loader('test', 8),
    )


def pipeline_of(cfg, split):
    return cfg[f'{split}_dataloader']['dataset']['pipeline']


def set_samplers(cfg, **arguments):
    for split in ('train', 'val', 'test'):
        pipeline_of(cfg, split)[0].update(arguments)


def assert_rejected(cfg, message):
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


def test_consistent_config_passes(cfg):
    check_config(cfg)


@pytest.mark.parametrize('missing', ['model', 'default_hooks', 'val_dataloader'])
def test_config_without_a_part_passes(cfg, missing):
    cfg[missing] = None
    check_config(cfg)


def test_sampler_of_another_length_is_rejected(cfg):
    pipeline_of(cfg, 'val')[0]['clip_len'] = 8
    assert_rejected(
        cfg,
        r'model\.backbone\.clip_len = 4, .*'
        r'val_dataloader\.dataset\.pipeline\.0\.clip_len = 8',
    )


def test_sampler_inside_wrappers_is_found(cfg):
    inner = cfg['train_dataloader']['dataset']
    wrapped = dict(type='RepeatDataset', times=2, dataset=inner)
    cfg['train_dataloader']['dataset'] = dict(type='ConcatDataset', datasets=[wrapped])
    check_config(cfg)
    inner['pipeline'][0]['clip_len'] = 8
    assert_rejected(cfg, r'datasets\.0\.dataset\.pipeline\.0')


def test_lengths_inside_the_model_are_compared(cfg):
    cfg['model']['clip_len'] = 8
    assert_rejected(cfg, r'model\.clip_len = 8')


def test_model_without_a_length_takes_any_sampler(cfg):
    cfg['model']['backbone'] = dict(type='ResNet', clip_len=None)
    set_samplers(cfg, clip_len=2)
    check_config(cfg)


@pytest.mark.parametrize(
    ('model', 'sampler', 'found'),
    [
        (dict(num_segments=8), dict(clip_len=1, num_snippets=8), None),
        (dict(num_segments=8), dict(clip_len=1, num_snippets=16), None),
        (dict(num_segments=4), dict(clip_len=4, num_snippets=4), None),
        (dict(num_segments=4), dict(clip_len=8, num_snippets=2), None),
        (dict(num_segments=8), dict(clip_len=1, num_snippets=12), 12),
        (dict(num_segments=16), dict(clip_len=4, num_snippets=4), 4),  # over snippets
        (dict(num_segments=8), dict(clip_len=4, num_snippets=4), 4),
        (dict(num_snippets=4), dict(clip_len=4, num_snippets=8), None),
        (dict(num_snippets=4), dict(clip_len=4, num_snippets=6), 6),
        (dict(sequence_len=16), dict(clip_len=4, num_snippets=4), None),
        (dict(sequence_len=12), dict(clip_len=4, num_snippets=4), 16),
        (dict(num_segments=8), dict(type='SampleFrames', clip_len=3), None),
    ],
)
def test_groups_must_not_mix_snippets_or_videos(cfg, model, sampler, found):
    cfg['model']['backbone'] = dict(type='TANet', **model)
    set_samplers(cfg, **sampler)
    if found is None:
        check_config(cfg)
    else:
        ((name, value),) = model.items()
        message = rf'backbone\.{name} = {value}, but train_dataloader.* gives {found} '
        assert_rejected(cfg, message)


def test_layout_that_the_preprocessor_does_not_read_is_rejected(cfg):
    cfg['model']['data_preprocessor'] = dict(type='ActionDataPreprocessor')
    pipeline = pipeline_of(cfg, 'val')
    pipeline.append(dict(type='FormatShape', input_format='NCHW'))
    check_config(cfg)
    pipeline[-1]['input_format'] = 'NCTHW'
    assert_rejected(
        cfg,
        r"val_dataloader\.dataset\.pipeline\.2\.input_format = 'NCTHW', but "
        r"model\.data_preprocessor\.format_shape = 'NCHW'",
    )
    cfg['model']['data_preprocessor']['format_shape'] = 'MIX2d3d'
    check_config(cfg)
    cfg['model']['data_preprocessor']['format_shape'] = 'NCTHW'
    check_config(cfg)


def test_choosing_on_a_test_set_is_rejected(cfg):
    cfg['val_dataloader']['dataset']['split'] = 'test'
    assert_rejected(cfg, "save_best = 'deepfake/auc'")
    cfg['default_hooks']['checkpoint']['save_best'] = None
    check_config(cfg)


def test_innermost_datasets_are_found_without_their_transforms(cfg):
    paths = [path for path, _ in find_datasets(cfg)]
    assert paths == [f'{loader}.dataset' for loader in LOADERS]


@pytest.mark.parametrize(
    ('steps', 'found'),
    [
        (['LoadFaceLandmarks', 'Flip'], 'Flip'),
        (['LoadFaceLandmarks', 'Resize'], 'Resize'),
        (['DrawFlip', 'LoadFaceLandmarks'], 'DrawFlip'),
        (['Flip', 'Flip', 'LoadFaceLandmarks'], 'two Flips'),
        (['CropFace', 'Flip', 'LoadFaceLandmarks'], None),
    ],
)
def test_pixels_that_leave_their_landmarks_are_rejected(cfg, steps, found):
    cfg['model']['data_preprocessor'] = dict(
        type='FlippingDataPreprocessor' if 'DrawFlip' in steps else 'Plain'
    )
    pipeline_of(cfg, 'train').extend(dict(type=step) for step in steps)
    if found is None:
        check_config(cfg)
        return
    assert_rejected(cfg, f'LoadFaceLandmarks .*{found}')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(num_classes=3), r'model\.cls_head\.num_classes = 3, .*val_evaluator'),
        (dict(average_clips='score'), "average_clips = 'score', .*'prob'"),
        (dict(average_clips=None), "average_clips = None, .*'prob'"),
    ],
)
def test_scores_that_the_metric_cannot_read_are_rejected(cfg, changes, message):
    cfg['val_evaluator'] = [dict(type='DumpResults'), dict(type='DeepfakeMetric')]
    cfg['model']['cls_head'] = dict(num_classes=2, average_clips='prob')
    check_config(cfg)
    cfg['model']['cls_head'].update(changes)
    assert_rejected(cfg, message)
    cfg['val_evaluator'] = dict(type='AccMetric')
    check_config(cfg)


def test_predictions_without_the_key_of_their_video_are_rejected(cfg):
    cfg['test_evaluator'] = dict(type='DeepfakeMetric')
    pack = dict(type='PackActionInputs', meta_keys=('track', 'video_key'))
    pipeline_of(cfg, 'test').append(pack)
    check_config(cfg)
    del pack['meta_keys']
    assert_rejected(cfg, r"test_dataloader.*\.pipeline\.2\.meta_keys .*'video_key'")


@pytest.fixture
def skipping(cfg):
    """A config that skips broken videos in all three datasets."""
    cfg['custom_hooks'] = [dict(type='RunReportHook'), dict(type='BrokenSampleHook')]
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader']['dataset']['on_error'] = 'skip'
    cfg['val_evaluator'] = dict(type='DeepfakeMetric')
    cfg['test_evaluator'] = [dict(type='DeepfakeMetric'), dict(type='DumpResults')]
    return cfg


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({}, None),
        (
            {'custom_hooks': [dict(type='RunReportHook')]},
            r"train_dataloader\.dataset\.on_error = 'skip' .*'BrokenSampleHook'",
        ),
        ({'custom_hooks': None}, 'BrokenSampleHook'),
        (
            {'train_cfg': dict(type='IterBasedTrainLoop', max_iters=10)},
            r'train_cfg\.type',
        ),
        ({'train_cfg': dict(by_epoch=False, max_iters=10)}, r'train_cfg\.type'),
        (
            {'val_evaluator': [dict(type='DeepfakeMetric'), dict(type='AccMetric')]},
            "val_evaluator 'AccMetric' .*DeepfakeMetric, DumpResults",
        ),
    ],
)
def test_broken_videos_are_only_skipped_with_support(skipping, changes, message):
    skipping.update(changes)
    if message is None:
        check_config(skipping)
    else:
        assert_rejected(skipping, message)


@pytest.mark.parametrize('size', [0, -1, 2.0, '4', None])
def test_batch_size_is_a_positive_integer(size):
    cfg = {'val_dataloader': {'batch_size': size}}
    assert_rejected(cfg, rf'val_dataloader\.batch_size = {size!r}')


@pytest.mark.parametrize(
    ('sampler', 'batch_size'), [('PairSampler', 3), ('DefaultSampler', 4)]
)
def test_parted_pairs_are_rejected(cfg, sampler, batch_size):
    loader = cfg['train_dataloader']
    loader['dataset']['type'] = 'PseudoFakeDataset'
    loader.update(sampler=dict(type='PairSampler'), batch_size=4)
    check_config(cfg)
    loader.update(sampler=dict(type=sampler), batch_size=batch_size)
    assert_rejected(cfg, f"'{sampler}', batch_size = {batch_size}")
