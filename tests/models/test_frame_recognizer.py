import math

import pytest
import torch
from recognizer_checks import TWO_STAGES, make_samples

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

MODEL = dict(
    type='FrameRecognizer',
    backbone=dict(type='ResNet', depth=18, pretrained=None, **TWO_STAGES),
    cls_head=dict(
        type='TSNHead',
        num_classes=2,
        in_channels=128,
        dropout_ratio=0,
        init_std=0.5,
        topk=(1,),
        average_clips='prob',
    ),
)


def make_model(**options):
    torch.manual_seed(0)
    model = MODELS.build(MODEL | options)
    model.init_weights()
    model.train(False)
    return model


def test_video_score_is_the_mean_of_the_frames_probabilities():
    model = make_model()
    clips = 3 * torch.randn(2, 5, 3, 32, 32)
    samples = model.predict(clips, make_samples([0, 1]))
    for video, sample in zip(clips, samples, strict=True):
        probabilities = []
        for frame in video:
            real, fake = model.extract_feat(frame[None, None], stage='head')[0][0]
            ratio = math.exp(fake.item() - real.item())
            probabilities.append(ratio / (1 + ratio))
        mean = sum(probabilities) / len(probabilities)
        assert sample.pred_score.tolist() == pytest.approx([1 - mean, mean], abs=1e-5)
        assert sample.snippet_scores.tolist() == pytest.approx(probabilities, abs=1e-5)
        assert sample.pred_label.tolist() == [int(mean > 0.5)]


def test_loss_of_one_frame_is_the_stock_recognizers():
    ours, stock = make_model(), make_model(type='Recognizer2D')
    frames = torch.randn(4, 1, 3, 32, 32)
    samples = make_samples([0, 1, 0, 1])
    torch.testing.assert_close(ours.loss(frames, samples), stock.loss(frames, samples))


@pytest.mark.parametrize(
    'options',
    [
        dict(clip_len=4),
        dict(neck=dict(type='CrossSnippetAttention', in_channels=128, clip_len=1)),
    ],
    ids=['clip_len', 'neck'],
)
def test_what_is_not_for_single_frames_is_refused(options):
    with pytest.raises(ConfigError, match='need clip_len = 1 and no'):
        make_model(**options)


def test_a_head_that_sees_several_frames_is_refused():
    head = dict(type='CNNLSTMHead', num_classes=2, in_channels=128)
    with pytest.raises(ConfigError, match='= CNNLSTMHead of FrameRecognizer: need'):
        make_model(cls_head=head)
