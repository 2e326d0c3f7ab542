import copy

import pytest

from mmdeepfake.engine.config_checks import (
    check_config,
    find_datasets,
)
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
    loaders = {
        'train_dataloader': make_loader('train', 4),
        'val_dataloader': make_loader('val', 8),
        'test_dataloader': make_loader('test', 8),
    }
    return dict(
        data_root='data/ffpp',
        methods=['FaceSwap'],
        clip_len=4,
        num_snippets_train=4,
        num_snippets_test=8,
        side_px=64,
        max_epochs=12,
        train_cfg=dict(max_epochs=12),
        train_pipeline=copy.deepcopy(
            loaders['train_dataloader']['dataset']['pipeline']
        ),
        model=dict(type='Recognizer2D', backbone=dict(type='RATFNet', clip_len=4)),
        default_hooks=dict(checkpoint=dict(save_best='deepfake/auc')),
        **loaders,
    )


def test_consistent_config_passes(cfg):
    check_config(cfg)


@pytest.mark.parametrize('missing', ['model', 'default_hooks', 'val_dataloader'])
def test_config_without_a_part_passes(cfg, missing):
    cfg[missing] = None
    check_config(cfg)


def test_sampler_of_another_length_is_refused(cfg):
    cfg['val_dataloader']['dataset']['pipeline'][0]['clip_len'] = 8
    message = (
        r'disagree on the frames per snippet: model\.backbone\.clip_len = 4, .*'
        r'val_dataloader\.dataset\.pipeline\.0\.clip_len = 8'
    )
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


def test_sampler_inside_wrappers_is_found(cfg):
    inner = cfg['train_dataloader']['dataset']
    wrapped = dict(type='RepeatDataset', times=2, dataset=inner)
    cfg['train_dataloader']['dataset'] = dict(type='ConcatDataset', datasets=[wrapped])
    check_config(cfg)
    inner['pipeline'][0]['clip_len'] = 8
    with pytest.raises(ConfigError, match=r'datasets\.0\.dataset\.pipeline\.0'):
        check_config(cfg)


def test_lengths_inside_the_model_are_compared(cfg):
    cfg['model']['clip_len'] = 8
    with pytest.raises(ConfigError, match=r'model\.clip_len = 8'):
        check_config(cfg)


def test_model_without_a_length_takes_any_sampler(cfg):
    cfg['model']['backbone'] = dict(type='ResNet', clip_len=None)
    cfg['clip_len'] = 2
    for loader in ('train', 'val', 'test'):
        cfg[f'{loader}_dataloader']['dataset']['pipeline'][0]['clip_len'] = 2
    check_config(cfg)


def set_samplers(cfg, **arguments):
    for loader in ('train', 'val', 'test'):
        cfg[f'{loader}_dataloader']['dataset']['pipeline'][0].update(arguments)


@pytest.mark.parametrize(
    ('num_segments', 'clip_len', 'num_snippets'),
    [(8, 1, 8), (8, 1, 16), (4, 4, 4), (4, 8, 2)],
)
def test_whole_groups_of_frames_pass(cfg, num_segments, clip_len, num_snippets):
    cfg['model']['backbone'] = dict(type='TANet', num_segments=num_segments)
    set_samplers(cfg, clip_len=clip_len, num_snippets=num_snippets)
    check_config(cfg)


@pytest.mark.parametrize(
    ('num_segments', 'clip_len', 'num_snippets', 'told'),
    [
        (8, 1, 12, '12 single frames a video'),
        (16, 4, 4, '4 frames a snippet'),  # would filter across snippets
        (8, 4, 4, '4 frames a snippet'),
    ],
)
def test_groups_across_snippets_or_videos_are_refused(
    cfg, num_segments, clip_len, num_snippets, told
):
    cfg['model']['backbone'] = dict(type='TANet', num_segments=num_segments)
    set_samplers(cfg, clip_len=clip_len, num_snippets=num_snippets)
    message = (
        rf'model\.backbone\.num_segments = {num_segments}, but train_dataloader\..* '
        rf'gives {told}: .* Let it give {num_segments} of them, or a multiple'
    )
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


def test_snippets_that_do_not_fill_groups_are_refused(cfg):
    cfg['model']['backbone'] = dict(type='DSANet', num_snippets=4)
    check_config(cfg)
    cfg['test_dataloader']['dataset']['pipeline'][0]['num_snippets'] = 6
    message = r'backbone\.num_snippets = 4, but test_dataloader.* gives 6 snippets'
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


def test_frames_that_do_not_fill_sequences_are_refused(cfg):
    cfg['model']['cls_head'] = dict(type='CNNLSTMHead', sequence_len=16)
    check_config(cfg)
    cfg['model']['cls_head']['sequence_len'] = 12
    message = r'cls_head\.sequence_len = 12, but train_dataloader.* gives 16 frames'
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


def test_sampler_of_another_kind_is_left_alone(cfg):
    cfg['model']['backbone'] = dict(type='TANet', num_segments=8, num_snippets=3)
    for loader in ('train', 'val', 'test'):
        cfg[f'{loader}_dataloader']['dataset']['pipeline'][0] = dict(
            type='SampleFrames', clip_len=1, frame_interval=1, num_clips=8
        )
    check_config(cfg)


def test_layout_that_the_preprocessor_does_not_read_is_refused(cfg):
    cfg['model']['data_preprocessor'] = dict(type='ActionDataPreprocessor')
    pipeline = cfg['val_dataloader']['dataset']['pipeline']
    pipeline.append(dict(type='FormatShape', input_format='NCHW'))
    check_config(cfg)
    pipeline[-1]['input_format'] = 'NCTHW'
    message = (
        r"val_dataloader\.dataset\.pipeline\.2\.input_format = 'NCTHW', but "
        r"model\.data_preprocessor\.format_shape = 'NCHW'"
    )
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)
    cfg['model']['data_preprocessor']['format_shape'] = 'MIX2d3d'
    check_config(cfg)
    cfg['model']['data_preprocessor']['format_shape'] = 'NCTHW'
    check_config(cfg)


def test_choosing_on_a_test_set_is_refused(cfg):
    cfg['val_dataloader']['dataset']['split'] = 'test'
    with pytest.raises(ConfigError, match=r"save_best = 'deepfake/auc' would choose"):
        check_config(cfg)
    cfg['default_hooks']['checkpoint']['save_best'] = None
    check_config(cfg)


def test_innermost_datasets_are_found_without_their_transforms(cfg):
    paths = [path for path, _ in find_datasets(cfg)]
    assert paths == [
        f'{loader}_dataloader.dataset' for loader in ('train', 'val', 'test')
    ]


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
def test_pixels_that_leave_their_landmarks_are_refused(cfg, steps, found):
    cfg['model']['data_preprocessor'] = dict(
        type='FlippingDataPreprocessor' if 'DrawFlip' in steps else 'Plain'
    )
    cfg['train_dataloader']['dataset']['pipeline'] += [dict(type=s) for s in steps]
    if found is None:
        check_config(cfg)
        return
    message = rf'LoadFaceLandmarks cannot follow what {found} does to the frames'
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(num_classes=3), r'model\.cls_head\.num_classes = 3, .* val_evaluator'),
        (dict(average_clips='score'), r"average_clips = 'score', .*: set 'prob'"),
        (dict(average_clips=None), r"average_clips = None, .*: set 'prob'"),
    ],
)
def test_scores_that_the_metric_cannot_read_are_refused(cfg, changes, message):
    cfg['val_evaluator'] = [dict(type='DumpResults'), dict(type='DeepfakeMetric')]
    cfg['model']['cls_head'] = dict(num_classes=2, average_clips='prob')
    check_config(cfg)
    cfg['model']['cls_head'].update(changes)
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)
    cfg['val_evaluator'] = dict(type='AccMetric')
    check_config(cfg)


def test_predictions_without_the_key_of_their_video_are_refused(cfg):
    cfg['test_evaluator'] = dict(type='DeepfakeMetric')
    pack = dict(type='PackActionInputs', meta_keys=('track', 'video_key'))
    cfg['test_dataloader']['dataset']['pipeline'].append(pack)
    check_config(cfg)
    del pack['meta_keys']
    message = r"test_dataloader\.dataset\.pipeline\.2\.meta_keys has no 'video_key'"
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


@pytest.fixture
def skipping(cfg):
    """A config that skips broken videos in all three datasets."""
    cfg['custom_hooks'] = [dict(type='RunReportHook'), dict(type='BrokenSampleHook')]
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader']['dataset']['on_error'] = 'skip'
    cfg['val_evaluator'] = dict(type='DeepfakeMetric')
    cfg['test_evaluator'] = [dict(type='DeepfakeMetric'), dict(type='DumpResults')]
    return cfg


def test_broken_videos_can_be_skipped_where_somebody_counts_them(skipping):
    check_config(skipping)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'custom_hooks': [dict(type='RunReportHook')]},
            r"train_dataloader\.dataset\.on_error = 'skip', but nobody counts what is "
            r"skipped: add dict\(type='BrokenSampleHook'\) to custom_hooks, or set "
            "on_error='stop'",
        ),
        ({'custom_hooks': None}, 'nobody counts what is skipped'),
        (
            {'train_cfg': dict(type='IterBasedTrainLoop', max_iters=10)},
            'is for training by epochs: set train_cfg.type to EpochBasedTrainLoop',
        ),
        ({'train_cfg': dict(by_epoch=False, max_iters=10)}, 'for training by epochs'),
        (
            {'val_evaluator': [dict(type='DeepfakeMetric'), dict(type='AccMetric')]},
            "val_evaluator has 'AccMetric', which does not count videos without a "
            'score; allowed are DeepfakeMetric, DumpResults',
        ),
    ],
)
def test_broken_videos_are_not_skipped_unseen(skipping, changes, message):
    skipping.update(changes)
    with pytest.raises(ConfigError, match=message):
        check_config(skipping)


@pytest.mark.parametrize('size', [0, -1, 2.0, '4', None])
def test_batch_size_is_a_number_of_videos(size):
    with pytest.raises(ConfigError, match=r'val_dataloader\.batch_size = '):
        check_config({'val_dataloader': {'batch_size': size}})
