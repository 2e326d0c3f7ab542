import pytest
import torch
from builders import make_video, read_index
from mmcv.transforms import Compose
from mmengine.config import Config
from oracles import resnet_by_key
from oracles.by_key import draw
from recognizer_checks import CONFIGS, build_from_config, build_on_meta, make_samples

from mmdeepfake.engine.config_checks import find_transforms
from mmdeepfake.registry import MODELS

FFPP = 'baselines/i3d_r50_ffpp_lq.py'
MINIFF = 'miniff/i3d_r18_miniff.py'
CLIP_CONFIGS = [FFPP, 'baselines/i3d_inception_ffpp_lq.py', MINIFF]


def test_three_taps_in_time_stand_where_the_specification_has_them():
    backbone = build_on_meta(FFPP).backbone
    taps = [
        [block.conv1.conv.kernel_size[0] for block in getattr(backbone, layer)]
        for layer in backbone.res_layers
    ]
    assert taps == [[3, 3, 3], [3, 1, 3, 1], [3, 1, 3, 1, 3, 1], [1, 3, 1]]
    assert backbone.conv1.conv.kernel_size == (5, 7, 7)


@pytest.mark.parametrize(
    ('num_frames', 'steps', 'steps_of_stock'), [(16, 8, 2), (8, 4, 1), (4, 2, None)]
)
def test_time_is_halved_once(num_frames, steps, steps_of_stock):
    """MMAction2's own config divides it by 8 and has nothing left of four frames."""
    clip = torch.empty(1, 3, num_frames, 224, 224, device='meta')
    assert build_on_meta(FFPP).backbone(clip).shape == (1, 2048, steps, 7, 7)
    stock = build_on_meta(FFPP, conv1_stride_t=2, pool1_stride_t=2).backbone
    if steps_of_stock is None:
        with pytest.raises(RuntimeError):
            stock(clip)
    else:
        assert stock(clip).shape[2] == steps_of_stock


def test_inflated_weights_see_a_still_clip_as_the_2d_network_sees_its_frame(tmp_path):
    state = draw(resnet_by_key.torchvision_shapes())
    torch.save(state, tmp_path / 'resnet50.pth')
    cfg = Config.fromfile(CONFIGS / FFPP)
    backbone = MODELS.build(
        cfg.model.backbone | dict(pretrained=str(tmp_path / 'resnet50.pth'))
    )
    backbone.init_weights()
    backbone.train(False)
    frame = torch.randn(1, 3, 32, 32)
    clip = frame[:, :, None].repeat(1, 1, 16, 1, 1)
    with torch.no_grad():
        stem = backbone.maxpool(backbone.conv1(clip))
        deep = backbone.layer1(stem)
    expected = resnet_by_key.stem(state, frame)
    # Zeros beyond the ends reach two frames through the stem, three more through res2.
    for step in range(2, 14):
        torch.testing.assert_close(stem[:, :, step], expected, rtol=1e-4, atol=1e-5)
    expected = resnet_by_key.run_stage(state, 1, expected)
    for step in range(5, 11):
        torch.testing.assert_close(deep[:, :, step], expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(deep[:, :, 4], expected, rtol=1e-3)


def test_several_clips_a_video_train_on_their_mean_logits():
    """The stock I3DHead would hand two rows a video to the loss, and one label."""
    model = build_from_config(MINIFF)
    model.cls_head.dropout.p = 0
    model.cls_head.init_std = 1
    model.cls_head.init_weights()
    model.train(False)
    clips, samples = torch.randn(2, 3, 3, 4, 32, 32), make_samples([0, 1])
    loss = model.loss(clips, samples)['loss_cls']
    logits = torch.stack(
        [model.extract_feat(clips[:, i : i + 1], stage='head')[0] for i in range(3)]
    ).mean(dim=0)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]))
    torch.testing.assert_close(loss, expected)
    scores = [sample.pred_score for sample in model.predict(clips, samples)]
    torch.testing.assert_close(torch.stack(scores), logits.softmax(dim=1))


@pytest.mark.parametrize('name', CLIP_CONFIGS)
def test_clips_are_sixteen_frames_every_second_one(name):
    cfg = Config.fromfile(CONFIGS / name)
    samplers = {
        where.split('_')[0]: t for where, t in find_transforms(cfg, 'SampleSnippets')
    }
    for sampler in samplers.values():
        assert (sampler.clip_len, sampler.stride_frames) == (16, 2)
    numbers = {split: sampler.num_snippets for split, sampler in samplers.items()}
    assert numbers == dict(train=1, val=2, test=2)


def test_clips_reach_the_model_frame_by_frame(tmp_path):
    make_video(tmp_path / 'clip.mp4', num_frames=70)
    cfg = Config.fromfile(CONFIGS / FFPP)
    pipeline = Compose(
        [
            transform
            for transform in cfg.test_dataloader.dataset.pipeline
            if transform.type not in ('CropFace', 'Resize')
        ]
    )
    packed = pipeline(dict(filename=str(tmp_path / 'clip.mp4'), label=0, video_key=()))
    assert packed['inputs'].shape == (2, 3, 16, 64, 64)
    shown = [
        [read_index(frame.numpy()) for frame in clip.permute(1, 2, 3, 0)]
        for clip in packed['inputs']
    ]
    # Two halves of 35 frames, clips that span 31, centred.
    assert shown == [list(range(2, 33, 2)), list(range(37, 68, 2))]
