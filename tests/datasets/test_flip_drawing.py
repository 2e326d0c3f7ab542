import numpy as np
import pytest
import torch
from builders import make_clip
from mmaction.structures import ActionDataSample
from mmengine.dataset import Compose

from mmdeepfake.datasets.transforms import DrawFlip
from mmdeepfake.engine.config_checks import check_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

STATISTICS = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])


def pipeline(flip, *, form, meta_keys=('flip',)):
    return [
        dict(type='OpenVideo'),
        dict(type='SampleSnippets', num_snippets=2, clip_len=3),
        dict(type='DecodeFrames'),
        dict(type='Resize', scale=(32, 32), keep_ratio=False),
        dict(type=flip, flip_ratio=0.5),
        dict(type='FormatShape', input_format=form),
        dict(type='PackActionInputs', meta_keys=meta_keys),
    ]


def read_batch(path, flip, form, meta_keys=('flip',), count=8):
    """Read one clip several times, from the same state of numpy's generator."""
    np.random.seed(3)
    read = Compose(pipeline(flip, form=form, meta_keys=meta_keys))
    item = dict(filename=str(path), label=1, modality='RGB')
    packed = [read(dict(item)) for _ in range(count)]
    return {key: [one[key] for one in packed] for key in ('inputs', 'data_samples')}


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / 'clip.tar')


@pytest.mark.parametrize('form', ['NCHW', 'NCTHW'])
def test_flips_on_the_device_are_those_of_the_pipeline(clip, form):
    kinds = {'Flip': 'ActionDataPreprocessor', 'DrawFlip': 'FlippingDataPreprocessor'}
    batches = {}
    for flip, kind in kinds.items():
        preprocess = MODELS.build(dict(type=kind, format_shape=form, **STATISTICS))
        batches[flip] = preprocess(read_batch(clip, flip, form), training=True)
    drawn = [sample.flip for sample in batches['DrawFlip']['data_samples']]
    assert {True, False} == set(drawn)
    assert torch.equal(batches['Flip']['inputs'], batches['DrawFlip']['inputs'])


def test_every_frame_of_a_video_is_mirrored_alike():
    preprocess = MODELS.build(dict(type='FlippingDataPreprocessor'))
    videos = [torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5) for _ in range(2)]
    samples = [ActionDataSample(metainfo=dict(flip=flip)) for flip in (True, False)]
    mirrored, kept = preprocess.preprocess(videos, samples, training=True)[0]
    for frame, channel, row, column in np.ndindex(2, 3, 4, 5):
        value = videos[0][frame, channel, row, column]
        assert mirrored[frame, channel, row, 4 - column] == value
        assert kept[frame, channel, row, column] == value


def test_training_samples_without_a_draw_are_rejected(clip):
    preprocess = MODELS.build(dict(type='FlippingDataPreprocessor'))
    batch = read_batch(clip, 'DrawFlip', 'NCHW', meta_keys=(), count=1)
    with pytest.raises(
        ConfigError, match="add DrawFlip to the pipeline and 'flip' to meta_keys"
    ):
        preprocess(batch, training=True)
    assert preprocess(batch, training=False)['inputs'].dtype == torch.float32


@pytest.mark.parametrize(
    ('flip', 'kind', 'form', 'message'),
    [
        ('DrawFlip', 'ActionDataPreprocessor', 'NCHW', 'is DrawFlip'),
        ('Flip', 'FlippingDataPreprocessor', 'NCHW', 'is Flip'),
        ('DrawFlip', 'FlippingDataPreprocessor', 'NCTHW', "format_shape = 'NCHW'"),
    ],
)
def test_contradictory_flips_and_layouts_are_rejected(flip, kind, form, message):
    cfg = dict(
        model=dict(data_preprocessor=dict(type=kind)),
        train_dataloader=dict(dataset=dict(pipeline=pipeline(flip, form=form))),
    )
    with pytest.raises(ConfigError, match=message):
        check_config(cfg)


def test_ratio_outside_of_0_to_1_is_rejected():
    with pytest.raises(ConfigError, match=r'flip_ratio=1\.5'):
        DrawFlip(flip_ratio=1.5)
