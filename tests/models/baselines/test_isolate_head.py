import pytest
import torch
from oracles.double_rnn_in_loops import isolate, video_feature
from recognizer_checks import make_samples

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.isolate_head import (
    BiLSTMIsolateHead,
    IsolateLoss,
    isolate_loss,
)

RADII = dict(real_radius=0.042, fake_radius=1.638)


def make_head(**options):
    options = dict(hidden_channels=3, feature_channels=5, sequence_len=4) | options
    head = BiLSTMIsolateHead(
        2, 4, topk=(1,), average_clips='prob', init_std=1.0, **options
    ).double()
    head.init_weights()
    return head.train(False)


def draw_maps(num_videos=2, num_frames=8):
    return torch.randn(num_videos * num_frames, 4, 2, 3, dtype=torch.float64)


def lstm_weights(lstm, suffix):
    names = dict(
        input=f'weight_ih_l0{suffix}',
        recurrent=f'weight_hh_l0{suffix}',
        input_bias=f'bias_ih_l0{suffix}',
        recurrent_bias=f'bias_hh_l0{suffix}',
    )
    return {ours: getattr(lstm, name).tolist() for ours, name in names.items()}


@pytest.mark.parametrize('length', [8, 4, 1])
def test_features_match_the_loops(length):
    head, maps = make_head(sequence_len=length), draw_maps()
    project = dict(weight=head.project.weight.tolist(), bias=head.project.bias.tolist())
    frames = maps.mean(dim=(2, 3)).unflatten(0, (2, 8))
    expected = [
        video_feature(
            video.tolist(),
            lstm_weights(head.lstm, ''),
            lstm_weights(head.lstm, '_reverse'),
            project,
            length=length,
        )
        for video in frames
    ]
    found = head.extract(maps, num_segs=8).detach()
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize('labels', [[0, 1, 0, 1, 1], [0] * 5, [1] * 5])
def test_loss_matches_the_loops(labels):
    features = torch.randn(5, 3, dtype=torch.float64)
    loss = IsolateLoss(3, real_radius=0.5, fake_radius=2.0)
    loss.centre.copy_(torch.tensor([0.1, -0.2, 0.3]))
    expected = isolate(features.tolist(), labels, loss.centre.tolist(), 0.5, 2.0)
    found = loss(features, torch.tensor(labels)).item()
    assert found == pytest.approx(expected, rel=1e-5)
    assert expected > 0


def test_loss_is_zero_where_real_is_at_the_centre_and_fake_outside():
    loss = IsolateLoss(2)
    features = torch.tensor([[0.0, 0.0], [0.03, 0.02], [0.0, 1.64], [-5.0, 3.0]])
    assert loss(features, torch.tensor([0, 0, 1, 1])) == 0
    assert loss(features, torch.tensor([1, 0, 1, 1])) > 0
    assert loss(features, torch.tensor([0, 0, 1, 0])) > 0


@pytest.mark.parametrize('label', [0, 1])
def test_a_batch_of_one_class_has_a_finite_loss_and_gradient(label):
    features = torch.randn(3, 2, requires_grad=True)
    loss = IsolateLoss(2)(features, torch.full((3,), label))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(features.grad).all()


def test_a_feature_at_the_centre_has_a_finite_gradient():
    features = torch.zeros(2, 3, requires_grad=True)
    IsolateLoss(3)(features, torch.tensor([0, 1])).backward()
    assert torch.isfinite(features.grad).all()


def test_descent_pushes_fakes_out_and_pulls_reals_in():
    features = torch.tensor([[0.5, 0.0], [0.5, 0.0]], requires_grad=True)
    isolate_loss(features.norm(dim=1), torch.tensor([0, 1]), **RADII).backward()
    real, fake = features.detach() - 0.1 * features.grad
    assert real[0] < 0.5 < fake[0]


def test_running_centre_follows_the_real_videos_in_training_alone():
    loss = IsolateLoss(2, momentum=0.25)
    features = torch.tensor([[4.0, 0.0], [0.0, 8.0], [100.0, 100.0]])
    labels = torch.tensor([0, 0, 1])
    loss(features, labels)
    torch.testing.assert_close(loss.centre, torch.tensor([0.5, 1.0]))
    loss(features, torch.tensor([1, 1, 1]))  # no real video: it stays
    torch.testing.assert_close(loss.centre, torch.tensor([0.5, 1.0]))
    loss.eval()
    loss(features, labels)
    torch.testing.assert_close(loss.centre, torch.tensor([0.5, 1.0]))
    assert 'centre' in loss.state_dict()
    assert not list(loss.parameters())


def test_both_losses_are_told_and_reach_every_parameter():
    head = make_head(loss_isolate=dict(loss_weight=0.5)).train()
    losses = head.loss(draw_maps(), make_samples([0, 1]), num_segs=8)
    assert {'loss_cls', 'loss_isolate'} <= set(losses)
    (losses['loss_cls'] + losses['loss_isolate']).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_distance_scores_rise_with_the_distance_and_meet_at_the_middle():
    head = make_head(score='distance', feature_channels=1).float()
    middle = (0.042 + 1.638) / 2
    features = torch.tensor([[0.042], [middle], [-middle], [1.638], [9.0]])
    scores = head.classify(features).softmax(dim=1)[:, 1]
    expected = [1 / (1 + 2.718281828 ** (-(d - middle) / 0.2)) for d in (0.042, 1.638)]
    torch.testing.assert_close(
        scores[[0, 3]], torch.tensor(expected), rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(scores[1:3], torch.tensor([0.5, 0.5]))
    assert (scores.sort().values[[0, 3, 4]] == scores[[0, 3, 4]]).all()


def test_distance_scores_need_no_cross_entropy_and_are_learnt_by_heart():
    head = make_head(score='distance').float()
    maps, labels = draw_maps(4).float(), [0, 1, 0, 1]
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    head.train()
    for _ in range(60):
        losses = head.loss(maps, make_samples(labels), num_segs=8)
        assert set(losses) == {'loss_isolate'}
        optimizer.zero_grad()
        losses['loss_isolate'].backward()
        optimizer.step()
    head.eval()
    assert head(maps, num_segs=8).argmax(dim=1).tolist() == labels


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(score='margin'), "score = 'margin' of BiLSTM"),
        (
            dict(loss_isolate=dict(real_radius=2.0)),
            'real_radius = 2.0, fake_radius = 1.638 of IsolateLoss',
        ),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_head(**options)


def test_frames_that_fill_no_sequence_are_refused():
    with pytest.raises(ConfigError, match='got 6 frames a video, not a multiple'):
        make_head()(draw_maps(1, 6), num_segs=6)
