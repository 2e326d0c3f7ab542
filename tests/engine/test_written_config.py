import hashlib
import json

import pytest
import torch
from mmengine.config import Config

from mmdeepfake.engine.written_config import find_config, read_written_config
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError

PLANTED = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\n"
CONFIG = Config(
    {'model': {'type': 'X', 'size': (1, -2), 'a b': [None, 0.5, {}]}, 'resume': False}
)


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint as a training writes it, and a file that none wrote."""
    path = tmp_path / 'best.pth'
    torch.save({'state_dict': {}, 'meta': {'cfg': CONFIG.pretty_text}}, path)
    (tmp_path / 'planted.py').write_text(PLANTED)
    return path


def record(folder, path, phase='train'):
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / 'run.json').write_text(json.dumps({phase: {'config_sha256': sha256}}))


def test_planted_file_is_neither_taken_nor_run(tmp_path, checkpoint):
    with pytest.raises(ConfigError, match=r'planted\.py.*--config'):
        find_config(checkpoint)
    with pytest.raises(DataError, match=r'planted\.py .*line 1: from pathlib'):
        read_written_config(tmp_path / 'planted.py')
    assert not (tmp_path / 'ran').exists()


def test_missing_checkpoint_is_named_before_any_config(tmp_path):
    (tmp_path / 'planted.py').write_text(PLANTED)
    with pytest.raises(DataNotFoundError, match=r'nope\.pth'):
        find_config(tmp_path / 'nope.pth')


def test_config_whose_text_the_checkpoint_holds_is_found(tmp_path, checkpoint):
    CONFIG.dump(str(tmp_path / 'mine.py'))
    assert find_config(checkpoint).name == 'mine.py'


def test_config_that_a_test_wrote_anew_is_found_by_the_record(tmp_path, checkpoint):
    path = tmp_path / 'mine.py'
    path.write_text('resume = True')
    record(tmp_path, path, 'test')
    assert find_config(checkpoint) == path


def test_config_changed_after_the_run_is_not_taken(tmp_path, checkpoint):
    path = tmp_path / 'mine.py'
    CONFIG.dump(str(path))
    record(tmp_path, path)
    path.write_text(path.read_text() + PLANTED)
    with pytest.raises(ConfigError, match=r'mine\.py'):
        find_config(checkpoint)


def test_exported_model_is_no_source_of_a_config(tmp_path):
    (tmp_path / 'model.onnx').write_bytes(b'not a checkpoint')
    (tmp_path / 'planted.py').write_text(PLANTED)
    with pytest.raises(ConfigError, match='--config'):
        find_config(tmp_path / 'model.onnx')


def test_written_config_is_read_as_mmengine_runs_it(tmp_path):
    path = tmp_path / 'mine.py'
    CONFIG.dump(str(path))
    assert read_written_config(path).to_dict() == Config.fromfile(path).to_dict()


@pytest.mark.parametrize('text', ['x = open("y")', 'x = (', 'x.y = 1', 'x = dict(**y)'])
def test_anything_but_plain_values_is_rejected(tmp_path, text):
    path = tmp_path / 'mine.py'
    path.write_text(text)
    with pytest.raises(DataError, match='plain values'):
        read_written_config(path)
