"""Broken and odd videos end in frames or in one error that names the file.

Small; `video_campaign.py` pushes thousands through the same stages.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from fault_builders.odd_videos import (
    EITHER,
    ODD_CONTENT,
    ODD_FILES,
    ODD_NAMES,
    ODD_PLACES,
    ODD_VIDEOS,
    REFUSED,
    make_odd_file,
)
from fault_builders.sound_videos import NUM_FRAMES, PLAIN_KINDS, make_sources
from fault_builders.video_mutator import MUTATIONS, make_case
from fault_builders.video_stages import (
    FRAMES,
    SINGLE_STAGES,
    make_inferencer,
    try_inference,
    try_preparation,
)

NUM_SOURCES_OF_A_KIND = 3
NUM_IN_BATCH = 20  # of the stages that cost more
SEED = 1
PATIENCE_SECONDS = 900  # busy machines are slow, and may sleep; nothing waits so long


@pytest.fixture(autouse=True)
def time_limit():
    """End a test that hangs, as whoever opens a pipe does."""

    def give_up(*arguments):
        raise TimeoutError(f'it took longer than {PATIENCE_SECONDS} s')

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    return make_sources(tmp_path_factory.mktemp('sources'), kinds=PLAIN_KINDS)


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    return make_inferencer(tmp_path_factory.mktemp('model'))


def write_cases(sources, numbers, folder):
    """Make the files of cases."""
    paths = []
    for number in numbers:
        case = make_case(number, SEED, sources)
        paths.append(folder / f'case_{number}{case.suffix}')
        paths[-1].write_bytes(case.content)
    return paths


def write_odd(files, folder):
    """Make odd files, each in a folder of its own, since their names are so, too."""
    return [
        make_odd_file(odd, folder / str(number))
        for number, odd in enumerate(files)
        if not odd.is_rare
    ]


def faults_of(paths, ends):
    """List what is neither frames nor a refusal."""
    pairs = zip(paths, ends, strict=True)
    return [(path.name, end) for path, end in pairs if end.kind == 'fault']


def test_a_number_and_a_seed_give_the_same_bytes(sources, tmp_path):
    again = make_sources(tmp_path, kinds=PLAIN_KINDS)
    assert again == sources
    for number in range(0, 2000, 7):
        assert make_case(number, 5, again) == make_case(number, 5, sources)
    assert make_case(3, 5, sources).content != make_case(3, 6, sources).content


def test_every_kind_of_damage_comes_to_every_source(sources):
    cases = [make_case(i, 0, sources) for i in range(len(MUTATIONS) * len(sources))]
    assert all(
        case.content != sources[case.number % len(sources)].content for case in cases
    )
    kinds = Counter(case.kind for case in cases)
    # Bits are flipped in place of what a container has none of.
    assert set(kinds) == set(MUTATIONS)
    assert {case.source for case in cases} == {source.name for source in sources}


@pytest.mark.parametrize('stage', SINGLE_STAGES)
def test_broken_videos_end_in_frames_or_a_refusal(sources, tmp_path, stage):
    numbers = [
        len(sources) * kind + (kind + shift) % len(sources)
        for kind in range(len(MUTATIONS))
        for shift in range(NUM_SOURCES_OF_A_KIND)
    ]
    paths = write_cases(sources, numbers, tmp_path)
    ends = [SINGLE_STAGES[stage](path) for path in paths]
    assert not faults_of(paths, ends)
    counts = Counter(end.kind for end in ends)
    assert min(counts[FRAMES], counts[REFUSED]) > len(paths) // 5


def test_sound_sources_end_in_all_of_their_frames(sources, tmp_path, inferencer):
    paths = []
    for source in sources:
        paths.append(tmp_path / f'{source.name}{source.suffix}')
        paths[-1].write_bytes(source.content)
    for try_one in SINGLE_STAGES.values():
        assert {try_one(path).num_frames for path in paths} == {NUM_FRAMES}
    ends = try_inference(inferencer, paths)
    ends += try_preparation(paths, tmp_path / 'prepared')
    assert {end.num_frames for end in ends} == {NUM_FRAMES}


def test_broken_videos_cost_a_preparation_themselves_alone(sources, tmp_path):
    numbers = range(0, 11 * NUM_IN_BATCH, 11)
    paths = write_cases(sources, numbers, tmp_path)
    ends = try_preparation(paths, tmp_path / 'prepared')
    assert not faults_of(paths, ends)
    assert {end.kind for end in ends} == {FRAMES, REFUSED}


def test_broken_videos_cost_an_inference_themselves_alone(
    sources, tmp_path, inferencer
):
    numbers = range(0, 11 * NUM_IN_BATCH, 11)
    paths = write_cases(sources, numbers, tmp_path)
    ends = try_inference(inferencer, paths)
    assert not faults_of(paths, ends)
    assert {end.kind for end in ends} == {FRAMES, REFUSED}


@pytest.mark.parametrize('stage', SINGLE_STAGES)
@pytest.mark.parametrize(
    'files', [ODD_VIDEOS, ODD_CONTENT, ODD_NAMES], ids=['videos', 'content', 'names']
)
def test_odd_files_end_as_they_should(tmp_path, stage, files):
    wanted = [odd for odd in files if not odd.is_rare]
    paths = write_odd(files, tmp_path)
    ends = [SINGLE_STAGES[stage](path) for path in paths]
    assert not faults_of(paths, ends)
    for odd, end in zip(wanted, ends, strict=True):
        # A dataset may refuse what is too short.
        if odd.owed == REFUSED or (odd.owed != EITHER and stage == 'decoding'):
            owed = (REFUSED, None) if odd.owed == REFUSED else (FRAMES, odd.owed)
            assert (end.kind, end.num_frames) == owed, (odd.name, end)


def test_what_is_no_plain_file_is_never_waited_for(tmp_path):
    paths = write_odd(ODD_PLACES, tmp_path)
    ends = [SINGLE_STAGES['decoding'](path) for path in paths]
    assert not faults_of(paths, ends)
    assert {end.kind for end in ends} == {REFUSED}


def test_odd_files_are_no_trouble_to_inference(tmp_path, inferencer):
    files = [*ODD_VIDEOS[::4], *ODD_CONTENT[::3], *ODD_PLACES[::2], *ODD_NAMES[::5]]
    paths = write_odd(files, tmp_path)
    ends = try_inference(inferencer, paths)
    assert not faults_of(paths, ends)


@pytest.mark.parametrize('odd', ODD_NAMES, ids=lambda odd: ascii(odd.name)[:20])
def test_relative_names_are_paths_and_no_addresses(tmp_path, monkeypatch, odd):
    monkeypatch.chdir(tmp_path)
    path = make_odd_file(odd, Path('.'))
    end = SINGLE_STAGES['decoding'](path)
    assert (end.kind, end.num_frames) == (FRAMES, odd.owed)


@pytest.mark.faults
@pytest.mark.parametrize('odd', ODD_FILES, ids=lambda odd: ascii(odd.name)[:20])
def test_each_odd_file_ends_well_in_each_stage(tmp_path, inferencer, odd):
    try:
        path = make_odd_file(odd, tmp_path)
    except Exception as error:
        pytest.skip(f'its encoder cannot be used here: {error}')
    ends = [try_one(path) for try_one in SINGLE_STAGES.values()]
    ends += try_inference(inferencer, [path])
    if path.is_file() and '/' not in odd.name:
        ends += try_preparation([path], tmp_path / 'prepared')
    assert not [end for end in ends if end.kind == 'fault']
    if isinstance(odd.owed, int):
        assert (ends[0].kind, ends[0].num_frames) == (FRAMES, odd.owed)


@pytest.mark.faults
def test_campaign_goes_on_where_it_was_stopped(tmp_path):
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, str(tests / 'faults/video_campaign.py'), '--seed', '3']
    command += ['--out', str(tmp_path), '--memory', str(tmp_path)]
    environment = {**os.environ, 'PYTHONPATH': str(tests.parent)}
    for cases in (20, 34):
        subprocess.run([*command, '--cases', str(cases)], env=environment, check=True)
        lines = (tmp_path / 'trials.jsonl').read_text().splitlines()
        assert len(lines) == 4 * cases
    assert '| inference | 34 |' in (tmp_path / 'summary.md').read_text()
    assert not (tmp_path / 'failed').exists()
