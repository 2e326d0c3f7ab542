import pytest
import torch
from oracles.stil_on_slices import public_shapes
from recognizer_checks import build_on_meta, convert_all

from mmdeepfake.models.conversion.stil import RULES

# That they give the public layout's scores there: models/baselines/test_stil.py.


@pytest.mark.parametrize('prefix', ['base_model.', 'module.base_model.', ''])
def test_every_public_tensor_finds_its_place(prefix):
    target = build_on_meta('baselines/stil_ffpp_lq.py').state_dict()
    with torch.device('meta'):
        state = {
            prefix + name: torch.empty(shape)
            for name, shape in public_shapes((3, 4, 6, 3)).items()
        }
    assert set(convert_all(state, RULES, target)) == set(target)
