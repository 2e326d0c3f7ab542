import torch
from mmengine.config import Config
from recognizer_checks import (
    CONFIGS,
    check_bfloat16,
    check_overfits,
    check_round_trip,
    count_parameters,
)

from mmdeepfake.models.baselines.co_motion import CoMotionHead
from mmdeepfake.registry import MODELS

FFPP = 'baselines/co_motion_ffpp_lq.py'


def build():
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIGS / FFPP).model)
    model.init_weights()
    return model


def test_logits_match_the_layers_written_out():
    head = CoMotionHead(2, 6, hidden_channels=4).double().train(False)
    norm, first, _, _, last = head.layers
    norm.weight.data.normal_()
    norm.bias.data.normal_()
    x = torch.randn(4, 6, 1, 1, dtype=torch.float64)
    flat = x[:, :, 0, 0]
    centred = flat - flat.mean(dim=1, keepdim=True)
    size = ((centred**2).mean(dim=1, keepdim=True) + norm.eps).sqrt()
    hidden = (centred / size * norm.weight + norm.bias) @ first.weight.T + first.bias
    logits = hidden.clamp(min=0) @ last.weight.T + last.bias
    expected = torch.stack([(logits[0] + logits[1]) / 2, (logits[2] + logits[3]) / 2])
    torch.testing.assert_close(head(x, num_segs=2), expected)


def test_parameters_are_those_of_its_layers():
    expected = 2 * 5151 + 5151 * 256 + 256 + 2 * 256 + 2
    assert count_parameters(build()) == expected == 1_329_728


def test_it_learns_four_videos_of_noise_by_heart(tmp_path):
    model = build()
    patterns, labels = torch.rand(4, 2, 5151, 1, 1) * 2 - 1, [0, 1, 0, 1]
    check_overfits(model, patterns, labels)
    check_round_trip(model, build, patterns, tmp_path)
    check_bfloat16(model, patterns, labels)
