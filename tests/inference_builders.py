"""A tiny detector with weights, for made-up videos."""

from __future__ import annotations

import stubs.stub_parts  # noqa: F401  (registers StubBackbone)
import torch
from mmengine.config import Config
from stubs.stub_detector import StubDetector

from mmdeepfake.apis import DeepfakeInferencer
from mmdeepfake.inference import LocalDecoder
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.registry import MODELS

SETTINGS = PreparationSettings(layout='folder', min_face_px=16)
CLIP_LEN, NUM_SNIPPETS = 4, 2
SIDE_PX = 16
REAL_VIDEO = {'kind': 'real video', 'sets': ('made up',), 'num_persons': 3}


def make_pipeline(**sampler):
    """A test pipeline of ours, in small."""
    given = dict(num_snippets=NUM_SNIPPETS, clip_len=CLIP_LEN, position='centred')
    keys = ('video_key', 'identities', 'track', 'num_clips', 'clip_len')
    return [
        dict(type='OpenVideo'),
        dict(type='SampleSnippets', **given | sampler),
        dict(type='DecodeFrames'),
        dict(type='CropFace'),
        dict(type='Resize', scale=(SIDE_PX, SIDE_PX), keep_ratio=False),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs', meta_keys=keys),
    ]


def make_config(
    dataset_type='DeepfakeDataset', *, model=None, data_root='.', **sampler
):
    """A config of a model that can be told apart by what it is shown."""
    dataset = dict(
        type=dataset_type,
        data_root=str(data_root),
        split='test',
        pipeline=make_pipeline(**sampler),
        test_mode=True,
    )
    return Config(
        dict(
            default_scope='mmaction',
            model=dict(
                type='SnippetRecognizer',
                backbone=dict(type='StubBackbone', width=8, clip_len=CLIP_LEN),
                cls_head=dict(
                    type='TSNHead',
                    num_classes=2,
                    in_channels=8,
                    topk=(1,),
                    average_clips='prob',
                    spatial_type='avg',
                    dropout_ratio=0,
                    init_std=2.0,
                ),
                data_preprocessor=dict(
                    type='ActionDataPreprocessor', mean=[128.0] * 3, std=[64.0] * 3
                ),
            ),
            test_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dataset,
            ),
            test_evaluator=dict(type='DeepfakeMetric', num_resamples=0),
            test_cfg=dict(type='TestLoop'),
        )
    )


def save_weights(cfg, path, *, meta=None, **changed):
    """Save weights as a training would; `changed` replaces tensors, None drops one."""
    torch.manual_seed(3)
    model = MODELS.build(cfg.model)
    model.init_weights()
    weights = model.state_dict() | changed
    weights = {key: value for key, value in weights.items() if value is not None}
    meta = meta or {'iter': 5, 'cfg': cfg.pretty_text, 'training_data': REAL_VIDEO}
    torch.save({'state_dict': weights, 'meta': meta}, path)
    return path


def make_inferencer(folder, cfg=None, **options):
    """An inferencer of the tiny detector, with weights saved in a folder.

    It decodes in this process; separate processes are slow.
    """
    cfg = cfg or make_config()
    weights = save_weights(cfg, folder / 'weights.pth')
    given = dict(
        preparation=SETTINGS,
        detector=StubDetector(),
        heat_map='none',
        decoder=LocalDecoder(),
    )
    return DeepfakeInferencer(cfg, weights, **given | options)


def save_tool_model(folder):
    """Save a config that crops the middle, so without a detector, and its weights."""
    cfg = make_config('VideoFolder')
    cfg.custom_imports = dict(
        imports=['mmdeepfake', 'stubs.stub_parts'], allow_failed_imports=False
    )
    folder.mkdir()
    cfg.dump(str(folder / 'config.py'))
    return save_weights(cfg, folder / 'weights.pth')
