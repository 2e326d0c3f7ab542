"""tools/prepare.py as a user runs it, from raw videos to a tested model."""

import contextlib
import json
import signal

import pytest
from preparation_builders import make_tree, write_boxes
from tool_runs import ROOT, run_tool_here, shrink_loader, shrink_ratf

from mmdeepfake.datasets import DeepfakeDataset
from mmdeepfake.evaluation import read_predictions
from mmdeepfake.prepare.progress import ProgressReport
from mmdeepfake.structures.manifest import read_manifest

TOOL = ROOT / 'tools/prepare.py'
LEAF = """
_base_ = [
    '{root}/configs/_base_/models/ratf_csa_r18.py',
    '{root}/configs/_base_/datasets/ffpp_lq.py',
    '{root}/configs/_base_/schedules/adam_45e.py',
    '{root}/configs/_base_/default_runtime.py',
]
"""


@pytest.fixture(scope='module')
def faces(realff, tmp_path_factory):
    """Real footage, prepared: one real video and one fake of each split."""
    out = tmp_path_factory.mktemp('prepared') / 'faces'
    words = [
        'ffpp',
        realff,
        '--out',
        out,
        '--compressions',
        'c40',
        '--methods',
        'FaceSwap',
    ]
    words += ['--tracking-options', 'detect_every=24', 'detection_side_px=192']
    with open(out.parent / 'log.txt', 'w') as log, contextlib.redirect_stdout(log):
        assert run_tool_here(TOOL, *words, '--limit', '1', '--workers', '0') == 0
    return out


def test_faces_of_real_footage_are_found(faces):
    records = read_manifest(faces / 'manifest.jsonl')
    assert {(r.split, r.key.label) for r in records} == {
        (split, label) for split in ('train', 'val', 'test') for label in (0, 1)
    }
    assert all((r.status, r.num_frames, r.track) == ('ok', 96, 0) for r in records)
    assert all((r.mask is not None) == (r.key.label == 1) for r in records)
    coverage = json.loads((faces / 'report/coverage.json').read_text())
    assert coverage['origins'] == {'detected': 3, 'partner': 3}
    assert json.loads((faces / 'report/wrong_quality.json').read_text()) == []
    assert json.loads((faces / 'report/leaks.json').read_text())['identities'] == []
    assert (faces / 'report/contact_sheet.png').stat().st_size > 10_000


def test_run_prints_its_results(faces):
    log = (faces.parent / 'log.txt').read_text()
    assert '6 videos prepared, 0 kept' in log
    assert f'6 lines in {faces / "manifest.jsonl"}' in log
    assert 'Leaks: none found.' in log


def test_crops_of_the_dataset_hold_the_face_at_the_asked_margin(faces):
    pipeline = [
        dict(type='OpenVideo'),
        dict(type='SampleSnippets', num_snippets=4, clip_len=4, position='centred'),
        dict(type='DecodeFrames'),
        dict(type='CropFace', margin_ratio=1.3),
    ]
    dataset = DeepfakeDataset(
        data_root=str(faces), split='test', pipeline=pipeline, test_mode=True
    )
    assert len(dataset) == 2
    for item in dataset:
        boxes = item['face_boxes'][item['frame_inds']]
        sides = (boxes[:, 2:] - boxes[:, :2]).max(1)
        crops = item['crop_boxes']
        # One square a snippet, 1.3 of the mean box, unless the frame ends before.
        assert (crops.reshape(4, 4, 4) == crops.reshape(4, 4, 4)[:, :1]).all()
        grown = (crops[:, 2] - crops[:, 0]) / sides
        assert (grown > 1.1).all() and (grown < 1.5).all()


def test_model_trains_and_tests_on_the_prepared_faces(faces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / 'small.py'
    config.write_text(LEAF.format(root=ROOT))
    shared = [f'data_root={faces}', "methods=['FaceSwap']", *shrink_ratf(128)]
    code = run_tool_here(
        ROOT / 'tools/train.py',
        *(config, '--work-dir', tmp_path, '--cfg-options', *shared),
        'train_cfg.max_epochs=1',
        *shrink_loader('train_dataloader', num_videos=2),
        *shrink_loader('val_dataloader', num_videos=2),
    )
    assert code == 0
    code = run_tool_here(
        ROOT / 'tools/test.py',
        *(config, tmp_path / 'epoch_1.pth', '--work-dir', tmp_path),
        *('--cfg-options', *shared),
        *shrink_loader('test_dataloader', num_videos=2),
    )
    assert code == 0
    predictions = read_predictions(tmp_path / 'predictions.csv')
    assert sorted(p.key.label for p in predictions) == [0, 1]
    assert json.loads((tmp_path / 'metrics.json').read_text())['num_videos'] == 2


@pytest.fixture
def prepare(monkeypatch, tmp_path, capsys):
    """Run the tool in this process; return its exit code and output."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = run_tool_here(TOOL, *words)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    terminate = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, terminate)


@pytest.fixture
def own_videos(tmp_path):
    """Two videos with imported boxes, and the options to prepare them quickly."""
    root = make_tree(tmp_path / 'my videos', names='a', num_frames=5)
    names = [f'train/a_train_{kind}' for kind in ('real', 'fake')]
    boxes = write_boxes(
        tmp_path / 'b.pkl', dict.fromkeys(names, [[20, 20, 90, 90]] * 5)
    )
    return root, ['--boxes', boxes, '--workers', '0', '--quiet']


def test_exit_code_is_0_when_all_is_done(prepare, own_videos):
    root, words = own_videos
    code, printed, _ = prepare('folder', root, '--out', 'out', *words)
    assert code == 0
    assert '2 videos prepared, 0 kept' in printed
    code, printed, _ = prepare('folder', root, '--out', 'out', *words)
    assert code == 0
    assert '0 videos prepared, 2 kept' in printed


def test_list_with_other_columns_is_prepared(prepare, own_videos):
    root, words = own_videos
    rows = [
        f'train/{kind}/a_train_{kind}.mp4,{kind == "fake"},train/a_train_{kind}'
        for kind in ('real', 'fake')
    ]
    (root / 'own.csv').write_text('\n'.join(['file,is_fake,id', *rows]))
    words += ['--columns', 'path=file', 'label=is_fake', 'name=id']
    code, printed, _ = prepare('csv', root / 'own.csv', '--out', 'out', *words)
    assert code == 0
    assert '2 videos prepared, 0 kept' in printed


def test_exit_code_is_1_when_videos_failed(prepare, own_videos, caplog):
    root, words = own_videos
    (root / 'train/real/broken.mp4').write_bytes(b'')
    code, printed, _ = prepare('folder', root, '--out', 'out', *words)
    assert code == 1
    assert 'train/broken failed: video file' in caplog.text
    assert "video file 'train/real/broken.mp4' is empty (0 bytes)" in printed


def test_stopped_run_cleans_up_and_can_be_continued(prepare, own_videos, monkeypatch):
    root, words = own_videos

    def stop(progress, outcome):
        # The tool handles SIGTERM like Ctrl-C.
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressReport, 'add', stop)
        code, _, errors = prepare('folder', root, '--out', 'out', *words)
    assert code == 130
    assert 'run the same command again' in errors and 'Traceback' not in errors
    assert not (root.parent / 'out/.partial').exists()
    code, printed, _ = prepare('folder', root, '--out', 'out', *words)
    assert code == 0
    assert '1 video prepared, 1 kept' in printed


@pytest.mark.parametrize(
    ('root', 'words', 'named'),
    [
        ('none', '', 'error: no folder '),
        ('my videos', '--limit 0', 'limit 0'),
        ('my videos', '--shard 9/8', "shard '9/8'"),
        ('my videos', '--margin 0.2', 'margin 0.2'),
        ('my videos', '--boxes no.pkl', 'no file of boxes'),
        ('my videos', '--tracking-options speed=3', 'speed=...: unknown'),
        ('my videos', '--detector-options x=3 --workers 0', "'centerface'"),
        ('my videos', '--compressions c99', 'c99'),
        ('my videos', '--columns path=file', "'folder': only a list"),
    ],
)
def test_bad_input_ends_in_one_message_and_exit_code_2(
    prepare, own_videos, root, words, named
):
    code, _, errors = prepare('folder', root, '--out', 'out', *words.split())
    assert code == 2
    assert errors.count('error: ') == 1
    assert named in errors
    assert 'Traceback' not in errors


def test_dataset_of_another_layout_is_refused(prepare, own_videos):
    code, _, errors = prepare('ffpp', 'my videos', '--out', 'out')
    assert (code, errors.count('error: ')) == (2, 1)


@pytest.mark.parametrize(
    ('words', 'shown'),
    [
        (['--help'], ['celeb_df', 'wild_deepfake', '--shard', 'same command again']),
        (['ffpp', '--how-to-get'], ['https://github.com/ondyari/FaceForensics']),
        (['--how-to-get'], ['ffpp\n', 'celeb_df\n']),
    ],
)
def test_help_names_datasets_and_how_to_get_them(prepare, words, shown):
    code, printed, _ = prepare(*words)
    assert code == 0
    assert all(word in printed for word in shown)
