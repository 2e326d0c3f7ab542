"""How far the scores of a video are apart in batches of other sizes."""

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from tool_runs import ROOT

from mmdeepfake.commands.complexity import find_input_shape
from mmdeepfake.registry import MODELS

NUM_VIDEOS = 8


def score(model, videos, batch_size):
    scores = []
    for first in range(0, len(videos), batch_size):
        part = videos[first : first + batch_size]
        samples = [ActionDataSample().set_gt_label(0) for _ in part]
        batch = model.data_preprocessor(dict(inputs=part, data_samples=samples))
        with torch.no_grad():
            found = model(**batch, mode='predict')
        scores += [sample.pred_score[1] for sample in found]
    return torch.stack(scores)


@pytest.mark.faults
@pytest.mark.parametrize('name', ['ratf_r18', 'resnet_r18', 'cnn_lstm_r18'])
def test_a_larger_batch_changes_a_score_by_rounding_alone(name):
    cfg = Config.fromfile(ROOT / f'configs/miniff/{name}_miniff.py')
    shape = find_input_shape(cfg, split='test')
    videos = list(torch.randint(0, 256, (NUM_VIDEOS, *shape), dtype=torch.uint8))
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    score(model, videos[:2], 2)  # statistics to normalise with
    model.train(False)
    torch.nn.init.normal_(model.cls_head.fc_cls.weight, std=0.1)
    alone = score(model, videos, 1)
    assert alone.std() > 1e-4
    assert torch.equal(score(model, videos, 1), alone)
    for batch_size in (2, 4, 8):
        apart = (score(model, videos, batch_size) - alone).abs().max().item()
        print(f'{name}, {batch_size} videos a batch: {apart:.1e}')
        assert apart <= 1e-6
