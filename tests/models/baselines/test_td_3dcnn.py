import pytest
from mmengine.config import Config
from recognizer_checks import CONFIGS

from mmdeepfake.engine.config_checks import find_transforms

FFPP = 'baselines/td_3dcnn_ffpp_lq.py'
MINIFF = 'miniff/td_3dcnn_miniff.py'

# The network is Inception I3D: forward, backward and overfitting are tested there.


@pytest.mark.parametrize('name', [FFPP, MINIFF])
def test_frames_are_dropped_at_random_in_training_alone(name):
    cfg = Config.fromfile(CONFIGS / name)
    found = {
        where.split('.')[0]: (dropout.keep, dropout.get('position', 'random'))
        for where, dropout in find_transforms(cfg, 'TemporalDropout')
    }
    assert found == dict(
        train_dataloader=(16, 'random'),
        val_dataloader=(16, 'uniform'),
        test_dataloader=(16, 'uniform'),
    )
    for _, sampler in find_transforms(cfg, 'SampleSnippets'):
        assert sampler.clip_len == 32
