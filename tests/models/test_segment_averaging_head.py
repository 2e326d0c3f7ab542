import pytest
import torch
from recognizer_checks import make_samples
from torch import nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.recognizers import SnippetRecognizer3D
from mmdeepfake.registry import MODELS

CHANNELS = 64
HEAD = dict(
    type='SegmentAveragingHead',
    num_classes=2,
    in_channels=CHANNELS,
    dropout_ratio=0,
    init_std=0.1,
    topk=(1,),
    average_clips='prob',
)
SLOW_ONLY = dict(type='ResNet3dSlowOnly', depth=18, pretrained=None, base_channels=8)


def make_head(**options):
    head = MODELS.build(HEAD | options)
    head.init_weights()
    return head


def logits_in_loops(head, feats, num_videos):
    """Mean over snippets of FC(mean over T, h, w), one video and class at a time."""
    rows = feats.shape[0] // num_videos
    weight, bias = head.fc_cls.weight.tolist(), head.fc_cls.bias.tolist()
    videos = []
    for video in range(num_videos):
        totals = [0.0] * len(bias)
        for snippet in range(rows):
            pooled = [
                channel.mean().item() for channel in feats[video * rows + snippet]
            ]
            for k, (row, offset) in enumerate(zip(weight, bias, strict=True)):
                totals[k] += (
                    sum(w * v for w, v in zip(row, pooled, strict=True)) + offset
                ) / rows
        videos.append(totals)
    return torch.tensor(videos)


@pytest.mark.parametrize('num_snippets', [1, 4, 8])
def test_score_is_the_softmax_of_the_mean_logits(num_snippets):
    head = make_head(in_channels=5)
    feats = torch.randn(3 * num_snippets, 5, 2, 3, 3)
    expected = logits_in_loops(head, feats, 3)
    samples = head.predict(feats, make_samples([0, 1, 1]))
    for sample, logits in zip(samples, expected, strict=True):
        torch.testing.assert_close(sample.pred_score, logits.softmax(0))
        assert sample.pred_label.item() == logits.argmax()
        assert sample.snippet_scores.shape == (num_snippets,)
    torch.testing.assert_close(head(feats, num_segs=num_snippets), expected)


def test_mean_of_logits_is_not_mean_of_probabilities():
    head = make_head(in_channels=1)
    with torch.no_grad():
        head.fc_cls.weight.copy_(torch.tensor([[0.0], [1.0]]))
    feats = torch.tensor([6.0, -1.0, -1.0, -1.0])[:, None, None, None, None]
    (sample,) = head.predict(feats, make_samples([1]))
    mean_logit, values = torch.tensor(0.75), feats.flatten()
    torch.testing.assert_close(sample.pred_score[1], mean_logit.sigmoid())
    assert abs(sample.pred_score[1] - values.sigmoid().mean()) > 0.1
    torch.testing.assert_close(sample.snippet_scores, values.sigmoid())


@pytest.mark.parametrize('labels', [[1], [0, 1], [1, 0, 1]])
def test_loss_has_one_label_a_video(labels):
    head = make_head(in_channels=5)
    feats = torch.randn(4 * len(labels), 5, 2, 3, 3)
    expected = nn.functional.cross_entropy(
        logits_in_loops(head, feats, len(labels)), torch.tensor(labels)
    )
    losses = head.loss(feats, make_samples(labels))
    torch.testing.assert_close(losses['loss_cls'], expected)
    assert 'top1_acc' in losses


def test_a_stock_head_fails_where_this_one_trains():
    """Why the head exists: the stock recognizer gives B*U rows and B labels."""
    clips, labels = torch.randn(2, 4, 3, 4, 32, 32), make_samples([0, 1])
    for head, trains in ((HEAD, True), (HEAD | dict(type='I3DHead'), False)):
        model = MODELS.build(
            dict(type='Recognizer3D', backbone=SLOW_ONLY, cls_head=head)
        )
        model.init_weights()
        if trains:
            assert torch.isfinite(model.loss(clips, labels)['loss_cls'])
        else:
            with pytest.raises(ValueError, match=r'\(8,1\) \(2,1\)'):
                model.loss(clips, labels)


def test_uneven_rows_are_refused():
    with pytest.raises(ConfigError, match='got 7 snippets of 2 videos'):
        make_head(in_channels=5).loss(torch.randn(7, 5, 1, 1, 1), make_samples([0, 1]))


class CountingBackbone(nn.Module):
    """Returns pooled clips, with the number of snippets that it was told as channel."""

    def forward(self, x, *, num_snippets):
        return torch.full((len(x), CHANNELS, 1, 1, 1), float(num_snippets))


def test_recognizer_tells_the_backbone_the_number_of_snippets():
    model = SnippetRecognizer3D(backbone=SLOW_ONLY, cls_head=HEAD)
    model.backbone = CountingBackbone()
    for num_snippets in (4, 8):
        clips = torch.randn(2, num_snippets, 3, 2, 8, 8)
        features, _ = model.extract_feat(clips)
        assert features.shape[0] == 2 * num_snippets
        assert features.unique().tolist() == [num_snippets]
        logits, _ = model.extract_feat(clips, stage='head')
        assert logits.shape == (2, 2)
        samples = model.predict(clips, make_samples([0, 1]))
        assert [len(s.snippet_scores) for s in samples] == [num_snippets] * 2


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(neck=dict(type='TPN')), 'neck of SnippetRecognizer3D'),
        (dict(test_cfg=dict(fcn_test=True)), r'test_cfg.fcn_test of SnippetRecognizer'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        SnippetRecognizer3D(backbone=SLOW_ONLY, cls_head=HEAD, **options)
