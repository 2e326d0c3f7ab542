from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from oracles.stil_on_slices import public_shapes

from mmdeepfake.models.conversion import convert
from mmdeepfake.models.conversion.stil import RULES
from mmdeepfake.registry import MODELS

CONFIG = Path(__file__).resolve().parents[3] / 'configs/baselines/stil_ffpp_lq.py'

# That they give the public layout's scores there: models/baselines/test_stil.py.


@pytest.mark.parametrize('prefix', ['base_model.', 'module.base_model.', ''])
def test_every_public_tensor_finds_its_place(prefix):
    cfg = Config.fromfile(CONFIG)
    cfg.model.backbone.pretrained = None
    with torch.device('meta'):
        target = MODELS.build(cfg.model).state_dict()
        state = {
            prefix + name: torch.empty(shape)
            for name, shape in public_shapes((3, 4, 6, 3)).items()
        }
    converted, report = convert(state, RULES, target)
    assert set(converted) == set(target)
    assert (report.unexpected, report.mismatched, report.missing) == ({}, {}, ())
    assert not report.dropped
