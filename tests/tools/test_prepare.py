"""tools/prepare.py as a user runs it, from raw videos to a tested model."""

import json
import runpy
import sys

import pytest
from preparation_builders import make_tree, write_boxes
from tool_runs import ROOT, run_tool, run_tool_here, shrink_loader

from mmdeepfake.datasets import DeepfakeDataset
from mmdeepfake.evaluation import read_predictions
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
    words = ['ffpp', realff, out, '--compressions', 'c40', '--methods', 'FaceSwap']
    fewer = ['--tracking-options', 'detect_every=24', 'detection_side_px=192']
    done = run_tool(
        TOOL, *words, '--limit', '1', *fewer, '--workers', '2', cwd=out.parent
    )
    (out.parent / 'log.txt').write_text(done.stdout)
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


def test_run_says_what_it_did_and_where(faces):
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


def test_model_trains_and_tests_on_the_prepared_faces(faces, tmp_path):
    config = tmp_path / 'small.py'
    config.write_text(LEAF.format(root=ROOT))
    shared = [f'data_root={faces}', "methods=['FaceSwap']"]
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


# In this process from here on, since importing everything takes most of the time.


@pytest.fixture
def prepare(monkeypatch, tmp_path, capsys):
    """Run the tool here; give its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(TOOL), run_name='__main__')
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return run


@pytest.fixture
def own_videos(tmp_path):
    """Two videos with imported boxes, and the words that prepare them quickly."""
    root = make_tree(tmp_path / 'my videos', names='a')
    names = [f'train/a_train_{kind}' for kind in ('real', 'fake')]
    boxes = write_boxes(
        tmp_path / 'b.pkl', dict.fromkeys(names, [[20, 20, 90, 90]] * 20)
    )
    return root, ['--boxes', boxes, '--workers', '0', '--quiet']


def test_exit_code_is_0_when_all_is_done(prepare, own_videos):
    root, words = own_videos
    code, printed, _ = prepare('folder', root, 'out', *words)
    assert code == 0
    assert '2 videos prepared, 0 kept' in printed
    code, printed, _ = prepare('folder', root, 'out', *words)
    assert code == 0
    assert '0 videos prepared, 2 kept' in printed


def test_exit_code_is_1_when_videos_failed(prepare, own_videos, caplog):
    root, words = own_videos
    (root / 'train/real/broken.mp4').write_bytes(b'')
    code, printed, _ = prepare('folder', root, 'out', *words)
    assert code == 1
    assert 'train/broken failed: video file' in caplog.text
    assert "video file 'train/real/broken.mp4' is empty (0 bytes)" in printed


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['folder', 'none', 'out'], 'error: no folder '),
        (['ffpp', 'my videos', 'out'], 'error: '),
        (['folder', 'my videos', 'my videos/out'], 'lies in ROOT'),
        (['folder', 'my videos', 'out', '--limit', '0'], 'limit 0; allowed is'),
        (['folder', 'my videos', 'out', '--shard', '9/8'], "shard '9/8'; allowed is"),
        (['folder', 'my videos', 'out', '--margin', '0.2'], 'margin 0.2'),
        (['folder', 'my videos', 'out', '--boxes', 'no.pkl'], 'no file of boxes'),
        (
            ['folder', 'my videos', 'out', '--tracking-options', 'speed=3'],
            'speed=...: unknown; known are detect_every',
        ),
        (
            [
                'folder',
                'my videos',
                'out',
                '--detector-options',
                'x=3',
                '--workers',
                '0',
            ],
            "option 'x' of detector 'centerface' is unknown",
        ),
        (['folder', 'my videos', 'out', '--compressions', 'c99'], 'c99'),
    ],
)
def test_bad_input_ends_in_one_message_and_exit_code_2(
    prepare, own_videos, words, told
):
    code, _, errors = prepare(*words)
    assert code == 2
    assert errors.count('error: ') == 1
    assert told in errors
    assert 'Traceback' not in errors


def test_help_names_datasets_and_the_way_to_go_on(prepare):
    code, printed, _ = prepare('--help')
    assert code == 0
    for word in ('celeb_df', 'wild_deepfake', '--shard', 'run the same command again'):
        assert word in printed


def test_it_says_where_to_get_a_dataset(prepare):
    code, printed, _ = prepare('ffpp', '--how-to-get')
    assert code == 0
    assert printed.startswith('ffpp\n')
    assert 'https://github.com/ondyari/FaceForensics' in printed
    code, printed, _ = prepare('--how-to-get')
    assert 'celeb_df\n' in printed
