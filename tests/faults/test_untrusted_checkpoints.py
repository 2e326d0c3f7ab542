"""A file that runs code when it is un-pickled is refused on every path that reads one.

Each payload makes a folder; the tests see that it is not there.
"""

import ast
import copy
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import mmaction
import numpy as np
import pytest
import torch
from builders import make_video
from fault_builders.evil_files import FORMATS, save_evil, weights
from inference_builders import make_config
from mmaction.apis import init_recognizer
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.model import PretrainedInit
from mmengine.runner import checkpoint as mmengine_checkpoint
from tool_runs import CONFIG, ROOT, run_tool_here

from mmdeepfake.commands.convert_checkpoint import read_weights
from mmdeepfake.datasets.transforms.mmst_map import BuildMMSTMap
from mmdeepfake.errors import DataError, InputError
from mmdeepfake.evaluation.boosted_stumps import BoostedStumps
from mmdeepfake.export.exported_detector import ExportedDetector
from mmdeepfake.files import checkpoint_reading as _checkpoint_reading
from mmdeepfake.inference.predictors import load_model
from mmdeepfake.models.backbones import initial_weights
from mmdeepfake.prepare.stil_boxes import read_stil_boxes
from mmdeepfake.structures import FaceTrack, VideoKey
from mmdeepfake.structures.face_landmarks import read_landmarks
from mmdeepfake.video.clip_storage import ClipReader

PACKAGE = ROOT / 'mmdeepfake'
load_checkpoint = mmengine_checkpoint.CheckpointLoader.load_checkpoint


def load_by_url(path):
    mmengine_checkpoint.load_url(path.as_uri(), model_dir=str(path.parent / 'hub'))


def load_by_name(path):
    """MMEngine's own table of names, which may name a file in its home."""
    (path.parent / 'open_mmlab.json').write_text(json.dumps({'evil': path.name}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMENGINE_HOME', str(path.parent))
        load_checkpoint('open-mmlab://evil')


def load_by_fork(path):
    """As onedl-mmengine, which reads in full what torch refuses."""

    def load(filename):
        try:
            return torch.load(filename, weights_only=True)
        except pickle.UnpicklingError:
            return torch.load(filename, weights_only=False)

    _checkpoint_reading._load_weights_only(load)(str(path))


def load_frame_scores(path):
    reader = BuildMMSTMap.__new__(BuildMMSTMap)
    reader.score_root = str(path.parent)
    key = VideoKey('', 1, '', '', 'evil')
    reader._read_scores({'video_key': key, 'frame_inds': [0]})


# What reads a file: name -> (suffix that it asks for, the call).
READERS = {
    'checkpoint': ('.pth', lambda path: load_checkpoint(str(path))),
    'checkpoint by URL': ('.pth', load_by_url),
    'checkpoint by name': ('.pth', load_by_name),
    'checkpoint by a loader that falls back': ('.pth', load_by_fork),
    'initial weights of ours': (
        '.pth',
        lambda path: initial_weights.read_weights(str(path), owner='X', needed='x'),
    ),
    'initial weights of MMEngine': (
        '.pth',
        lambda path: PretrainedInit(str(path))(torch.nn.Linear(1, 1)),
    ),
    'conversion': ('.pth', read_weights),
    'inferencer': ('.pt', lambda path: load_model(make_config(), path)),
    "MMAction2's API": (
        '.pkl',
        lambda path: init_recognizer(make_config(), str(path), device='cpu'),
    ),
    'exported, ONNX': ('.onnx', ExportedDetector),
    'exported, TorchScript': ('.torchscript', ExportedDetector),
    'exported, torch.export': ('.pt2', ExportedDetector),
    'face track': ('.npz', FaceTrack.load),
    'landmarks': ('.npz', read_landmarks),
    'stumps': ('.npz', BoostedStumps.load),
    'frame scores': ('.npy', load_frame_scores),
    'face clip': ('.tar', ClipReader),
    'boxes of STIL': ('.pkl', read_stil_boxes),
}


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('reader', READERS)
def test_no_format_runs_code(tmp_path, reader, monkeypatch):
    # By this variable torch reads files in full where nobody told it otherwise.
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    suffix, read = READERS[reader]
    for number, kind in enumerate(FORMATS):
        marker = tmp_path / f'marker {number}'
        path = save_evil(tmp_path / f'{number}/evil{suffix}', kind, marker)
        with pytest.raises(InputError, match='evil') as caught:
            read(path)
        assert not marker.exists(), kind
        assert len(str(caught.value)) < 800, kind


def test_the_payloads_do_run_code_where_nothing_refuses_them(tmp_path):
    """Or else the test above could not fail."""
    for number, kind in enumerate(('torch', 'torch, legacy', 'torch, deep in meta')):
        marker = tmp_path / f'marker {number}'
        path = save_evil(tmp_path / f'{number}.pth', kind, marker)
        torch.load(path, weights_only=False)
        assert marker.is_dir()


def test_what_a_run_saves_is_read_and_saved_again_as_numpy_has_it(tmp_path):
    history = HistoryBuffer([0.5, 0.25], [1, 1])
    numbers = {'f4': np.float32(0.5), 'i8': np.int64(3), 'b1': np.bool_(True)}
    content = {**weights(), 'message_hub': {'loss': history, 'best': numbers}}
    torch.save(content, tmp_path / 'a.pth')
    found = load_checkpoint(str(tmp_path / 'a.pth'))
    assert found['message_hub']['loss'].mean() == 0.375
    assert found['message_hub']['best'] == numbers
    assert {type(one) for one in found['message_hub']['best'].values()} == {
        np.float32,
        np.int64,
        np.bool_,
    }
    torch.save(found, tmp_path / 'b.pth')
    names = (tmp_path / 'b.pth').read_bytes()
    assert b'multiarray' in names and b'mmdeepfake' not in names
    again = load_checkpoint(str(tmp_path / 'b.pth'))
    assert again['message_hub']['loss'].mean() == 0.375


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([1], 'holds a list'),
        ({'state_dict': 5}, "'state_dict' is a int"),
        ({**weights(), 'meta': [1]}, "'meta' is a list"),
        ({**weights(), 'optimizer': 1}, "'optimizer' is a int"),
        ({'state_dict': {'a': 'text'}}, "'state_dict' holds 1 values"),
        ({5: torch.ones(1)}, 'names that are not strings'),
    ],
)
def test_plain_data_that_is_no_checkpoint_is_named(tmp_path, content, message):
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(DataError, match=rf'odd\.pth.*{message}'):
        load_checkpoint(str(tmp_path / 'odd.pth'))


def test_checkpoint_that_grows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_checkpoint_reading, '_FREE_BYTES', 1 << 16)
    path = tmp_path / 'bomb.pth'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('a/data.pkl', b'')
        archive.writestr('a/data/0', bytes(1 << 20))
    with pytest.raises(DataError, match=r'bomb\.pth.* from [0-9]+ to 1048576 by'):
        load_checkpoint(str(path))


# The inventory -----------------------------------------------------------------------

# File of ours -> calls in it that read more than text, all of which stand above.
KNOWN_LOADS = {
    'files/checkpoint_reading.py': {'torch.load'},
    'export/exported_detector.py': {'torch.jit.load', 'torch.export.load'},
    'export/metadata.py': {'onnx.load'},
    # Writes the pickle, and reads none; the network of a package's own.
    'faces/detection/centerface.py': {'onnx.load'},
    'prepare/stil_boxes.py': {'pickle.Unpickler'},
    # Work units, from the process that started the worker.
    'prepare/execution/local_processes.py': {'pickle.loads'},
    'commands/paper_protocol.py': {'yaml.safe_load'},
}
LOADS = {
    *('torch.load', 'torch.jit.load', 'torch.export.load', 'torch.hub.load'),
    *('pickle.load', 'pickle.loads', 'pickle.Unpickler', 'joblib.load', 'onnx.load'),
    *('np.load', 'numpy.load', 'mmengine.load', 'fileio.load', 'marshal.loads'),
    *('yaml.load', 'yaml.unsafe_load', 'yaml.safe_load', 'yaml.full_load'),
    *('shelve.open', 'dill.load', 'cloudpickle.load', 'eval', 'exec', 'load_url'),
}


MAY_LOAD = re.compile('|'.join(rf'\b{re.escape(name)}\b' for name in LOADS))


def loads_of(path):
    """Names that a file calls or passes on which read a file in full."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute | ast.Name):
            name = ast.unparse(node)
            if name in LOADS:
                found.add(name)
        elif isinstance(node, ast.ImportFrom):
            found |= {
                f'{node.module}.{alias.name}'
                for alias in node.names
                if f'{node.module}.{alias.name}' in LOADS
            }
    return found


def test_no_file_of_ours_reads_more_than_the_inventory_says():
    found = {
        path.relative_to(PACKAGE).as_posix(): loads_of(path)
        for path in PACKAGE.rglob('*.py')
        if '.mim' not in path.parts and MAY_LOAD.search(path.read_text())
    }
    found |= {path.name: loads_of(path) for path in (ROOT / 'tools').glob('*.py')}
    found = {name: loads for name, loads in found.items() if loads}
    found['files/checkpoint_reading.py'].discard('load_url')
    assert found == KNOWN_LOADS


# The tools, each in a process of its own ----------------------------------------------

INFER = ('infer', 'v.mp4', '--config', '{config}', '--out', 'out', '--checkpoint')
WEB = ('webapp', '--config', '{config}', '--port', '0', '--checkpoint')
TOOLS = {
    'test': ('test', '{config}', '{file}', '--work-dir', 'w'),
    'train --resume FILE': (
        'train',
        '{config}',
        '--work-dir',
        'w',
        '--resume',
        '{file}',
    ),
    'train load_from': (
        *('train', '{config}', '--work-dir', 'w', '--cfg-options'),
        'load_from={file}',
    ),
    'train --resume': ('train', '{config}', '--work-dir', 'run', '--resume'),
    'infer': (*INFER, '{file}'),
    'webapp': (*WEB, '{file}'),
    'evaluate': ('evaluate', '{config}', '{file}', '--work-dir', 'w'),
    'calibrate': ('calibrate', '{config}', '{file}', '--work-dir', 'w'),
    'robustness': ('robustness', 'run', '{config}', '{file}', '--work-dir', 'w'),
    'export': ('export', '{config}', '{file}', '--out', 'o.onnx'),
    'convert': ('convert_checkpoint', '--from', 'tam', '{file}', '--out', 'o.pth'),
}


# A tool adds nothing to its reader; one of each way that torch opens a file.
TOOL_FORMATS = ('pickle 2', 'torch', 'torch, legacy', 'torch, tar')


@pytest.fixture(scope='module')
def configs(tmp_path_factory):
    """Two configs: one of made-up snippets, one that reads videos."""
    folder = tmp_path_factory.mktemp('configs')
    videos = make_config('VideoFolder', data_root=folder / 'set')
    parts = ['mmdeepfake', 'stubs.stub_parts']
    videos.custom_imports = dict(imports=parts, allow_failed_imports=False)
    videos.default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))
    videos.val_dataloader = copy.deepcopy(videos.test_dataloader)
    videos.val_dataloader.dataset.split = 'val'
    videos.val_evaluator, videos.val_cfg = videos.test_evaluator, dict(type='ValLoop')
    videos.dump(str(folder / 'videos.py'))
    for name in ('test/real', 'test/fake', 'val/real', 'val/fake'):
        make_video(folder / f'set/{name}/a.mp4', num_frames=12)
    return {'stub': CONFIG, 'videos': folder / 'videos.py', 'folder': folder}


def make_case(configs, folder, tool, kind):
    """Write the file where the tool finds it; return its words and the marker."""
    marker, evil = folder / 'marker', folder / 'run/evil.pth'
    save_evil(evil, kind, marker)
    (folder / 'run/last_checkpoint').write_text(str(evil))
    shutil.copy(configs['folder'] / 'set/test/real/a.mp4', folder / 'v.mp4')
    config = configs['stub' if tool.startswith(('test', 'train')) else 'videos']
    return [word.format(config=config, file=evil) for word in TOOLS[tool]], marker


def check_refusal(code, text, marker, *, kind):
    assert not marker.exists(), kind
    errors = [line for line in text.splitlines() if line.startswith('error: ')]
    assert code == 2 and len(errors) == 1, text[-2000:]
    assert 'evil.pth' in errors[0] and len(errors[0]) < 800, errors
    assert 'Traceback' not in text


# The other two take seconds to come to their checkpoint.
@pytest.mark.parametrize('tool', sorted({*TOOLS} - {'webapp', 'robustness'}))
def test_tool_refuses_the_file_in_one_line(configs, tmp_path, tool, monkeypatch, capfd):
    kind = 'torch, deep in meta'
    monkeypatch.chdir(tmp_path)
    words, marker = make_case(configs, tmp_path, tool, kind)
    code = run_tool_here(ROOT / f'tools/{words[0]}.py', *words[1:])
    check_refusal(code, capfd.readouterr().err, marker, kind=kind)


@pytest.mark.faults
@pytest.mark.parametrize('kind', TOOL_FORMATS)
@pytest.mark.parametrize('tool', TOOLS)
def test_process_of_a_tool_refuses_each_way_of_opening(
    server, configs, tmp_path, tool, kind
):
    words, marker = make_case(configs, tmp_path, tool, kind)
    log = tmp_path / 'log.txt'
    done = server.run(*words, cwd=tmp_path, log=log, seconds=200)
    check_refusal(done['code'], log.read_text(), marker, kind=kind)


@pytest.mark.faults
def test_mmaction2s_own_tool_runs_nothing(configs, tmp_path):
    marker = tmp_path / 'marker'
    evil = save_evil(tmp_path / 'evil.pth', 'torch', marker)
    tool = Path(mmaction.__file__).parent / '.mim/tools/test.py'
    done = subprocess.run(
        [sys.executable, tool, configs['stub'], evil, '--work-dir', 'w'],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}'},
    )  # fmt: skip
    assert done.returncode != 0 and 'holds more than weights' in done.stderr
    assert not marker.exists()


@pytest.mark.faults
def test_mim_runs_nothing(configs, tmp_path):
    mim = os.environ.get('MMDEEPFAKE_MIM', shutil.which('mim'))
    if mim is None:
        pytest.skip('no mim here: pip install openmim "setuptools<81", or name one by '
                    'MMDEEPFAKE_MIM')  # fmt: skip
    marker = tmp_path / 'marker'
    evil = save_evil(tmp_path / 'evil.pth', 'torch', marker)
    done = subprocess.run(
        [mim, 'test', 'mmdeepfake', configs['stub'], '--checkpoint', evil, '-y'],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}'},
    )  # fmt: skip
    text = done.stdout + done.stderr
    assert done.returncode != 0 and 'evil.pth holds more than weights' in text, text
    assert not marker.exists()
