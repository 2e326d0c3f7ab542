"""Names, settings and locks of the folder that is written."""

import json
import multiprocessing
import os
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.faces.tracking import TrackingSettings
from mmdeepfake.prepare.output_folder import OutputFolder, refuse_overlap, safe_name
from mmdeepfake.prepare.preparation_settings import PreparationSettings
from mmdeepfake.structures import VideoKey

SETTINGS = PreparationSettings(layout='folder')


@pytest.mark.parametrize(
    'name',
    [
        *('000_003', 'été 顔', 'a/b', '..', '.hidden', '100%', 'a%2Fb', 'x:y?', ' a.'),
        *('~a', 'tab\there', 'caf\udce9'),
    ],
)
def test_safe_names_are_one_folder_and_can_be_inverted(name, tmp_path):
    safe = safe_name(name)
    assert unquote(safe, errors='surrogateescape') == name
    assert (safe == name) == (name in ('000_003', 'été 顔', 'caf\udce9'))
    (tmp_path / safe).mkdir()
    assert os.listdir(tmp_path) == [safe]


def test_very_long_names_differ_and_fit():
    names = [safe_name('顔' * 300 + end) for end in 'ab']
    assert names[0] != names[1]
    assert all(len(os.fsencode(name)) <= 200 for name in names)


def test_folder_of_a_video_has_method_level_and_name(tmp_path):
    key = VideoKey('set', 1, 'FaceSwap', 'c40', '000_003')
    assert OutputFolder(tmp_path).folder_of(key) == tmp_path.joinpath(
        'clips', 'FaceSwap', 'c40', '000_003'
    )


def test_same_settings_are_taken_again(tmp_path):
    out = OutputFolder(tmp_path)
    out.claim(SETTINGS, overwrite=False)
    out.claim(PreparationSettings(layout='folder'), overwrite=False)


@pytest.mark.parametrize(
    ('changed', 'named'),
    [
        (replace(SETTINGS, face_px=96), 'face_px: 224 '),
        (
            replace(SETTINGS, tracking=TrackingSettings(detect_every=9)),
            'tracking.detect_every: 5 ',
        ),
        (
            replace(SETTINGS, detector_options={'engine': 'opencv'}),
            'detector_options.engine: None ',
        ),
        (replace(SETTINGS, layout='ffpp'), "layout: 'folder' "),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, changed, named):
    out = OutputFolder(tmp_path)
    out.claim(SETTINGS, overwrite=False)
    with pytest.raises(DataError, match=re.escape(named)):
        out.claim(changed, overwrite=False)
    assert changed.fingerprint() != SETTINGS.fingerprint()


def test_overwrite_deletes_what_was_prepared(tmp_path):
    out = OutputFolder(tmp_path)
    out.claim(SETTINGS, overwrite=False)
    (out.clips / 'real').mkdir(parents=True)
    out.manifest.touch()
    (tmp_path / 'notes.txt').touch()
    out.claim(replace(SETTINGS, face_px=96), overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ['notes.txt', 'settings.json']
    assert json.loads(out.settings.read_text())['face_px'] == 96


def test_folder_of_another_origin_is_left_alone(tmp_path):
    (tmp_path / 'clips').mkdir()
    for overwrite in (False, True):
        with pytest.raises(DataError, match=r'no settings\.json'):
            OutputFolder(tmp_path).claim(SETTINGS, overwrite=overwrite)


def test_damaged_settings_are_refused(tmp_path):
    (tmp_path / 'settings.json').write_text('{')
    with pytest.raises(DataError, match='is damaged'):
        OutputFolder(tmp_path).claim(SETTINGS, overwrite=False)


@pytest.mark.parametrize(
    ('values', 'named'),
    [
        ({'margin_ratio': 0.5}, 'margin 0.5 '),
        ({'clip_format': 'gif'}, "clip format 'gif' .*'jpeg'"),
        ({'clip_quality': 101}, "clip quality 101 .*'jpeg' is 1 to 100"),
        ({'face_px': 3}, 'face_px 3 .*16 '),
    ],
)
def test_invalid_settings_are_refused(values, named):
    with pytest.raises(ConfigError, match=named):
        PreparationSettings(layout='folder', **values)


def test_second_run_is_refused_with_the_process_of_the_first(tmp_path):
    with OutputFolder(tmp_path).locked():
        for shard in (None, 'shard-1-2'):
            with pytest.raises(DataError, match=f'process {os.getpid()} on'):
                with OutputFolder(tmp_path).locked(shard):
                    pass


def test_shards_work_together_but_each_once(tmp_path):
    out = OutputFolder(tmp_path)
    with out.locked('shard-1-2'), out.locked('shard-2-2'):
        with pytest.raises(DataError, match='another run'):
            with out.locked('shard-1-2'):
                pass
        with pytest.raises(DataError, match='another run'), out.locked():
            pass


def hold_and_die(root, ready):
    with OutputFolder(root).locked():
        ready.set()
        os.kill(os.getpid(), 9)


def test_lock_ends_with_its_process(tmp_path):
    context = multiprocessing.get_context('fork')
    ready = context.Event()
    process = context.Process(target=hold_and_die, args=(tmp_path, ready))
    process.start()
    process.join()
    assert ready.is_set()
    with OutputFolder(tmp_path).locked():
        pass


def test_output_inside_the_dataset_is_refused(tmp_path):
    for out in (tmp_path, tmp_path / 'clips/faces'):
        with pytest.raises(DataError, match='in ROOT'):
            refuse_overlap(tmp_path, out)
    refuse_overlap(tmp_path / 'raw', tmp_path / 'faces')
    refuse_overlap(tmp_path / 'faces/raw', tmp_path / 'faces')
