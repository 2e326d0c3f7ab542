import pytest
import torch
from recognizer_checks import TWO_STAGES
from recognizer_checks import make_samples as label_samples

from mmdeepfake.errors import ConfigError
from mmdeepfake.registry import MODELS

CSA = dict(type='CrossSnippetAttention', in_channels=128, clip_len=4)
RATFNET = dict(
    type='RATFNet', depth=18, clip_len=4, ratf_stages=(True, True), **TWO_STAGES
)
RESNET = dict(type='ResNet', depth=18, **TWO_STAGES)
HEAD = dict(
    type='TSNHead',
    num_classes=2,
    in_channels=128,
    dropout_ratio=0,
    init_std=0.5,
    topk=(1,),
    average_clips='prob',
)


def make_model(type_='SnippetRecognizer', backbone=RATFNET, neck=CSA, **options):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(type=type_, backbone=backbone, neck=neck, cls_head=HEAD, **options)
    )
    model.init_weights()
    model.train(False)
    return model


def make_samples(num_videos=2):
    return label_samples([i % 2 for i in range(num_videos)])


def test_scores_and_losses_are_those_of_the_stock_recognizer():
    ours, stock = make_model(), make_model('Recognizer2D')
    stock.load_state_dict(ours.state_dict())
    clips = torch.randn(2, 16, 3, 32, 32)
    for a, b in zip(
        ours.predict(clips, make_samples()),
        stock.predict(clips, make_samples()),
        strict=True,
    ):
        torch.testing.assert_close(a.pred_score, b.pred_score)
        assert torch.equal(a.pred_label, b.pred_label)
    torch.testing.assert_close(
        ours.loss(clips, make_samples()), stock.loss(clips, make_samples())
    )


@pytest.mark.parametrize('backbone', [RATFNET, RESNET], ids=lambda b: b['type'])
@pytest.mark.parametrize('neck', [None, CSA], ids=['bare', 'csa'])
def test_any_backbone_runs_with_a_neck_and_without(backbone, neck):
    model = make_model(backbone=backbone, neck=neck, clip_len=4)
    clips = torch.randn(2, 16, 3, 32, 32)
    samples = model.predict(clips, make_samples())
    assert [s.snippet_scores.shape for s in samples] == [(4,), (4,)]
    assert model.loss(clips, make_samples())['loss_cls'].requires_grad


def test_video_logits_are_the_mean_of_the_snippets_logits():
    model = make_model()
    sample = model.predict(torch.randn(1, 16, 3, 32, 32), make_samples(1))[0]
    # With two classes P(fake) = sigmoid(logit difference), and differences average.
    snippets = sample.snippet_scores.logit().mean().sigmoid()
    torch.testing.assert_close(snippets, sample.pred_score[1], rtol=1e-4, atol=1e-5)


def test_without_csa_a_snippets_score_is_its_own():
    model = make_model(neck=None)
    clips = torch.randn(1, 16, 3, 32, 32)
    whole = model.predict(clips, make_samples(1))[0].snippet_scores
    alone = model.predict(clips[:, 4:8], make_samples(1))[0].snippet_scores
    torch.testing.assert_close(whole[1:2], alone)


@pytest.mark.parametrize('option', ['fcn_test', 'max_testing_views'])
def test_options_that_tear_snippets_apart_are_refused(option):
    with pytest.raises(ConfigError, match=f'test_cfg.{option} of SnippetRecognizer'):
        make_model(test_cfg={option: 4})
