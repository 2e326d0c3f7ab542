import itertools

import pytest
import torch
from mmengine.config import Config
from oracles.s_mil_in_loops import (
    attend,
    convolve,
    noisy_or,
    odds_form,
    probability,
    score_instances,
)
from recognizer_checks import CONFIGS, build_from_config, predict
from torch.nn import functional

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.s_mil import ATTENTION, POOLS, SharpMILHead

S_MIL = 'miniff/s_mil_small_miniff.py'
S_MIL_T = 'miniff/s_mil_t_small_miniff.py'
every_pool = pytest.mark.parametrize('pool', [*POOLS, ATTENTION])


def make_head(num_instances=5, in_channels=3, **options):
    head = SharpMILHead(
        2,
        in_channels,
        num_instances=num_instances,
        init_std=1,
        topk=(1,),
        average_clips='prob',
        **options,
    ).double()
    head.init_weights()
    for parameter in head.parameters():  # biases as well
        parameter.data += 0.3 * torch.randn_like(parameter)
    return head.train(False)


def draw_maps(num_frames=5, num_videos=2):
    return torch.randn(num_videos * num_frames, 3, 2, 2, dtype=torch.float64)


def frames_of(maps, num_videos=2):
    return maps.mean(dim=(2, 3)).unflatten(0, (num_videos, -1)).tolist()


def fake_scores(head, maps, num_segs=5):
    # The head sums logits in float32, whatever comes in.
    return head(maps, num_segs=num_segs).double().softmax(dim=1)[:, 1].detach()


def score_bag(bag, instances):
    """P of one bag by the loops."""
    logits = score_instances(
        instances, bag.score.weight[0].tolist(), bag.score.bias.item()
    )
    if bag.pool == 'noisy_or':
        return noisy_or(logits)
    if bag.pool == 'mean':
        return probability(sum(logits) / len(logits))
    if bag.pool == ATTENTION:
        first, last = bag.attention[0], bag.attention[2]
        return attend(
            instances,
            logits,
            first.weight.tolist(),
            first.bias.tolist(),
            last.weight[0].tolist(),
        )
    temperature = 1.0 if bag.temperature is None else bag.temperature.item()
    return odds_form([logit / temperature for logit in logits])


@every_pool
@pytest.mark.parametrize('scale', ['learned', 'none'])
def test_s_mil_matches_the_loops(pool, scale):
    head, maps = make_head(pool=pool, scale=scale), draw_maps()
    expected = [score_bag(head.bags[0], video) for video in frames_of(maps)]
    torch.testing.assert_close(
        fake_scores(head, maps),
        torch.tensor(expected, dtype=torch.float64),
        rtol=1e-5,
        atol=1e-6,
    )


@every_pool
def test_s_mil_t_matches_the_loops(pool):
    head = make_head(pool=pool, kernel_sizes=(2, 3), kernel_channels=4)
    maps = draw_maps()
    expected = []
    for video in frames_of(maps):
        logits = []
        for conv, bag in zip(head.convs, head.bags, strict=True):
            runs = convolve(video, conv.weight.tolist(), conv.bias.tolist())
            score = torch.tensor(score_bag(bag, runs), dtype=torch.float64)
            logits.append(score.logit())
        expected.append(torch.stack(logits).mean().sigmoid())
    torch.testing.assert_close(
        fake_scores(head, maps), torch.stack(expected), rtol=1e-5, atol=1e-6
    )


@every_pool
def test_one_instance_is_logistic_regression(pool):
    head = make_head(num_instances=1, pool=pool)
    maps = draw_maps(num_frames=1)
    with torch.no_grad():
        expected = head.bags[0].score(maps.mean(dim=(2, 3)))[:, 0].sigmoid()
    if head.bags[0].temperature is not None:
        head.bags[0].temperature.data.fill_(1)  # as it starts with one instance
    torch.testing.assert_close(
        fake_scores(head, maps, num_segs=1), expected, rtol=1e-5, atol=1e-6
    )


def test_temperature_starts_at_the_number_of_instances():
    head = SharpMILHead(2, 3, num_instances=6, kernel_sizes=(2, 3))
    assert [bag.temperature.item() for bag in head.bags] == [5, 4]
    assert SharpMILHead(2, 3, num_instances=6).bags[0].temperature.item() == 6
    literal = SharpMILHead(2, 3, num_instances=6, scale='none')
    assert literal.bags[0].temperature is None


@every_pool
@pytest.mark.parametrize('signs', [(1,), (-1,), (1, -1)])
@pytest.mark.parametrize('label', [0, 1])
def test_loss_and_gradients_are_finite_at_extreme_logits(pool, signs, label):
    head = SharpMILHead(2, 1, num_instances=32, pool=pool, scale='none')
    head.bags[0].score.weight.data.fill_(1)
    head.bags[0].score.bias.data.fill_(0)
    for size in (50.0, 200.0):
        values = [size * sign for sign in itertools.islice(itertools.cycle(signs), 32)]
        maps = torch.tensor(values).reshape(32, 1, 1, 1).requires_grad_()
        logits = head(maps, num_segs=32)
        loss = functional.cross_entropy(logits, torch.tensor([label]))
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(maps.grad).all()


def test_noisy_or_is_exact_where_float32_would_round_to_nothing():
    logits = torch.tensor([[-60.0] * 32, [-8.0] * 32, [2.0] * 32, [50.0] * 32])
    exact = logits.double()
    total = functional.softplus(exact).sum(dim=1)
    # log(exp(s) - 1), in the form that float64 has the digits for.
    expected = torch.where(
        total < 1e-10, total.log(), total + torch.log(-torch.expm1(-total))
    )
    torch.testing.assert_close(POOLS['noisy_or'](logits), expected.float())


def test_the_sharp_form_gives_all_instances_the_same_gradient():
    """One confident instance leaves the others next to nothing in the noisy OR."""
    logits = torch.tensor([[12.0, 0.0, 0.0, -1.0]])
    gradients = {}
    for pool in ('sum', 'noisy_or'):
        leaf = logits.clone().requires_grad_()
        functional.softplus(-POOLS[pool](leaf)).sum().backward()
        gradients[pool] = leaf.grad[0]
    torch.testing.assert_close(gradients['sum'], gradients['sum'][:1].expand(4))
    assert gradients['noisy_or'][1:].abs().max() < 1e-5


def test_frames_are_scored_beside_the_video():
    model = build_from_config(S_MIL)
    sample = predict(model, torch.randn(1, 16, 3, 32, 32))[0]
    assert sample.snippet_scores.shape == (16,)
    bag = model.cls_head.bags[0]
    logit = sample.snippet_scores.logit().sum() / bag.temperature
    torch.testing.assert_close(
        sample.pred_score[1], logit.sigmoid(), rtol=1e-4, atol=1e-5
    )
    runs = predict(build_from_config(S_MIL_T), torch.randn(1, 16, 3, 32, 32))[0]
    assert 'snippet_scores' not in runs


@pytest.mark.parametrize('name', ['baselines/s_mil_ffpp_lq.py', S_MIL, S_MIL_T])
def test_training_and_test_show_as_many_frames_as_the_head_counts(name):
    cfg = Config.fromfile(CONFIGS / name)
    counts = {cfg.num_snippets_train, cfg.num_snippets_test}
    assert counts == {cfg.model.cls_head.num_instances} == {16}


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(pool='max'), "pool = 'max' of SharpMILHead: allowed are 'sum', 'mean'"),
        (dict(scale='fixed'), "scale = 'fixed' of SharpMILHead: allowed are 'learned'"),
        (dict(kernel_sizes=(2, 9)), r'kernel_sizes = \(2, 9\) .* = 5 frames each'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_head(**options)


def test_other_numbers_of_frames_are_refused_where_they_change_the_score():
    maps = draw_maps(num_frames=4)
    with pytest.raises(
        ConfigError, match='got 4 frames a video, but num_instances = 5'
    ):
        make_head()(maps, num_segs=4)
    assert make_head(pool='mean')(maps, num_segs=4).shape == (2, 2)
