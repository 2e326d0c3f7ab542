import pytest
import torch
from mmengine.config import Config
from oracles.lstm_in_loops import classify_video
from recognizer_checks import CONFIGS

from mmdeepfake.errors import ConfigError
from mmdeepfake.models.baselines.cnn_lstm import CNNLSTMHead
from mmdeepfake.registry import MODELS

FFPP = 'baselines/cnn_lstm_ffpp_lq.py'


def make_head(**options):
    head = CNNLSTMHead(
        2, 3, hidden_channels=4, init_std=1, topk=(1,), average_clips='prob', **options
    ).double()
    head.init_weights()
    return head.train(False)


def weights_of(head):
    lstm = head.lstm
    named = dict(
        input=lstm.weight_ih_l0,
        recurrent=lstm.weight_hh_l0,
        input_bias=lstm.bias_ih_l0,
        recurrent_bias=lstm.bias_hh_l0,
        classifier=head.fc_cls.weight,
        offsets=head.fc_cls.bias,
    )
    return {name: tensor.tolist() for name, tensor in named.items()}


def draw_maps(num_frames, num_videos=1):
    return torch.randn(num_videos * num_frames, 3, 2, 3, dtype=torch.float64)


@pytest.mark.parametrize(('num_frames', 'length'), [(6, None), (6, 6), (6, 3), (6, 1)])
def test_logits_match_the_loops(num_frames, length):
    head = make_head(sequence_len=length)
    maps = draw_maps(num_frames, num_videos=2)
    expected = [
        classify_video(video.tolist(), weights_of(head), length=length or num_frames)
        for video in maps.unflatten(0, (2, -1))
    ]
    torch.testing.assert_close(
        head(maps, num_segs=num_frames).detach(),
        torch.tensor(expected, dtype=torch.float64),
    )


def test_the_papers_test_frames_make_two_sequences_of_the_training_length():
    cfg = Config.fromfile(CONFIGS / FFPP)
    head = MODELS.build(cfg.model.cls_head).eval()
    assert head.sequence_len == cfg.num_snippets_train * cfg.num_frames
    maps = torch.randn(cfg.num_snippets_test * cfg.num_frames, 2048, 1, 1)
    halves = [head(half, num_segs=16) for half in maps.split(16)]
    torch.testing.assert_close(head(maps, num_segs=32), sum(halves) / 2)


def test_frames_that_fill_no_sequence_are_refused():
    head = make_head(sequence_len=4)
    with pytest.raises(ConfigError, match='got 6 frames a video, not a multiple'):
        head(draw_maps(6), num_segs=6)
