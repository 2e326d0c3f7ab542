import importlib.util

import numpy as np
import pytest

from mmdeepfake.errors import ConfigError, DataNotFoundError
from mmdeepfake.faces.detection import build_detector

needs_mmdet = pytest.mark.skipif(
    importlib.util.find_spec('mmdet') is None,
    reason='MMDetection is not installed here: run `make test-mmdet`',
)
CONFIG = """
data_preprocessor = dict(
    type='DetDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3,
    bgr_to_rgb=True, pad_size_divisor=32)
model = dict(
    type='RetinaNet',
    data_preprocessor=data_preprocessor,
    backbone=dict(type='ResNet', depth=18, base_channels=8, num_stages=4,
                  out_indices=(0, 1, 2, 3), norm_eval=False, style='pytorch'),
    neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=5),
    bbox_head=dict(
        type='RetinaHead', num_classes=2, in_channels=16, feat_channels=16,
        stacked_convs=1,
        anchor_generator=dict(type='AnchorGenerator', octave_base_scale=4,
                              scales_per_octave=1, ratios=[1.0],
                              strides=[8, 16, 32, 64, 128]),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='FocalLoss', use_sigmoid=True),
        loss_bbox=dict(type='L1Loss')),
    test_cfg=dict(nms_pre=200, min_bbox_size=0, score_thr=0.001,
                  nms=dict(type='nms', iou_threshold=0.3), max_per_img=100))
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='Resize', scale=(160, 96), keep_ratio=True),
    dict(type='PackDetInputs',
         meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]
test_dataloader = dict(dataset=dict(
    type='CocoDataset', metainfo=dict(classes=('person', 'face')),
    pipeline=test_pipeline))
visualizer = dict(type='DetLocalVisualizer', vis_backends=None, name='visualizer')
default_scope = 'mmdet'
"""


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Config and checkpoint of a small detector with random weights."""
    import torch
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules
    from mmengine.config import Config

    folder = tmp_path_factory.mktemp('mmdet')
    config = folder / 'tiny.py'
    config.write_text(CONFIG)
    register_all_modules()
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    # With random weights alone all anchors have the same low score.
    torch.nn.init.normal_(model.bbox_head.retina_cls.weight, std=0.1)
    torch.nn.init.zeros_(model.bbox_head.retina_cls.bias)
    checkpoint = folder / 'tiny.pth'
    torch.save(
        {
            'state_dict': model.state_dict(),
            'meta': {'dataset_meta': {'classes': ('person', 'face')}},
        },
        checkpoint,
    )
    return {'config': str(config), 'checkpoint': str(checkpoint)}


@pytest.fixture(scope='module')
def frames():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (90, 160, 3)).astype(np.uint8) for _ in range(3)]


def raw_predictions(files, frames):
    """Return the predictions of MMDetection's own functions, image by image."""
    from mmdet.apis import inference_detector, init_detector

    model = init_detector(files['config'], files['checkpoint'], device='cpu')
    # They expect OpenCV's order, BGR.
    config = model.cfg.test_dataloader.dataset.pipeline
    config[0]['type'] = 'mmdet.LoadImageFromNDArray'
    return [
        inference_detector(model, np.ascontiguousarray(frame[..., ::-1])).pred_instances
        for frame in frames
    ]


@needs_mmdet
@pytest.mark.parametrize('face_class', [0, 1, None])
def test_faces_are_what_mmdetection_finds_of_that_class(files, frames, face_class):
    detector = build_detector(
        'mmdet', **files, face_class=face_class, min_score=0.2, device='cpu'
    )
    found = detector.detect(frames)
    assert sum(map(len, found)) > 3
    for faces, raw in zip(found, raw_predictions(files, frames), strict=True):
        kept = raw.scores >= 0.2
        if face_class is not None:
            kept &= raw.labels == face_class
        np.testing.assert_allclose(faces.boxes, raw.bboxes[kept].numpy(), atol=0.05)
        np.testing.assert_allclose(faces.scores, raw.scores[kept].numpy(), atol=1e-4)
        assert faces.points is None


@needs_mmdet
def test_threshold_drops_weak_faces(files, frames):
    low, high = (
        build_detector('mmdet', **files, face_class=None, min_score=s, device='cpu')
        for s in (0.0, 0.6)
    )
    kept = sum(map(len, high.detect(frames)))
    assert kept < sum(map(len, low.detect(frames)))
    assert all((faces.scores >= 0.6).all() for faces in high.detect(frames))
    assert high.detect([]) == []


@needs_mmdet
def test_class_that_the_model_lacks_is_refused(files):
    with pytest.raises(ConfigError, match=r"face_class 2 .*0 'person', 1 'face'"):
        build_detector('mmdet', **files, face_class=2, device='cpu')


def test_missing_files_are_named(tmp_path):
    config = tmp_path / 'model.py'
    with pytest.raises(DataNotFoundError, match=r'no config .*model\.py'):
        build_detector('mmdet', config=str(config))
    config.write_text(CONFIG)
    with pytest.raises(ConfigError, match=r'model\.py.* without a checkpoint'):
        build_detector('mmdet', config=str(config))
    with pytest.raises(DataNotFoundError, match=r'no checkpoint .*none\.pth'):
        build_detector(
            'mmdet', config=str(config), checkpoint=str(tmp_path / 'none.pth')
        )
