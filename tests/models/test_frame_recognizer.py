import math

import pytest
import torch
from recognizer_checks import make_samples

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

MODEL = dict(
    type='FrameRecognizer',
    backbone=dict(type='ResNet', depth=18, pretrained=None),
    cls_head=dict(
        type='TSNHead',
        num_classes=2,
        in_channels=512,
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
    clips = 3 * torch.randn(2, 5, 3, 64, 64)
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


def test_it_is_another_score_than_that_of_the_mean_logits():
    contrasts = torch.tensor([0.1, 1, 10, 100]).view(1, 4, 1, 1, 1)
    clips = contrasts * torch.randn(1, 4, 3, 64, 64)
    ours = make_model().predict(clips, make_samples([0]))[0]
    logits = make_model(type='SnippetRecognizer').predict(clips, make_samples([0]))[0]
    torch.testing.assert_close(ours.snippet_scores, logits.snippet_scores)
    assert (ours.pred_score - logits.pred_score).abs().max() > 1e-4


def test_a_repeated_frame_is_scored_as_the_frame_alone():
    model = make_model()
    frame = torch.randn(1, 1, 3, 64, 64)
    alone = model.predict(frame, make_samples([0]))[0].pred_score
    many = model.predict(frame.repeat(1, 7, 1, 1, 1), make_samples([0]))[0].pred_score
    torch.testing.assert_close(many, alone)
    logits = [
        model.extract_feat(frame.repeat(1, number, 1, 1, 1), stage='head')[0]
        for number in (1, 7)
    ]
    torch.testing.assert_close(logits[1], logits[0])


def test_loss_of_one_frame_is_the_stock_recognizers():
    ours, stock = make_model(), make_model(type='Recognizer2D')
    frames = torch.randn(4, 1, 3, 64, 64)
    samples = make_samples([0, 1, 0, 1])
    torch.testing.assert_close(ours.loss(frames, samples), stock.loss(frames, samples))


@pytest.mark.parametrize(
    'options',
    [
        dict(clip_len=4),
        dict(neck=dict(type='CrossSnippetAttention', in_channels=512, clip_len=1)),
    ],
    ids=['clip_len', 'neck'],
)
def test_what_is_not_for_single_frames_is_refused(options):
    with pytest.raises(ConfigError, match='need clip_len = 1 and no'):
        make_model(**options)


def test_a_head_that_sees_several_frames_is_refused():
    head = dict(type='CNNLSTMHead', num_classes=2, in_channels=512)
    with pytest.raises(ConfigError, match='= CNNLSTMHead of FrameRecognizer: need'):
        make_model(cls_head=head)
