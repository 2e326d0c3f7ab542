"""Crowds, slow uploads and vandals before the page, a stub in place of the model.

`test_real_page_under_load.py` is the same in full size, on the tool with a real model.
"""

from __future__ import annotations

import os
import random
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

pytest.importorskip('starlette', reason="the page needs the extra 'web'")
pytest.importorskip('uvicorn', reason="the page needs the extra 'web'")

from fault_builders.bad_visitors import ask_anything, break_off
from process_watch import list_workers, measure_process, needs_proc
from stubs.stub_examiner import make_upload
from webapp_builders import make_head, read_answer, rooms, serving, uploads, wait_until

from mmdeepfake.webapp import server
from mmdeepfake.webapp.limits import Limits

NUM_CONNECTIONS = 24
WAIT_SECONDS = 1.5  # long for an honest request, also on a busy machine


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('served')


@pytest.fixture(scope='module')
def visitor(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, 'MOST_CONNECTIONS', NUM_CONNECTIONS)
        with serving(folder, queue=3, idle_seconds=WAIT_SECONDS) as visitor:
            yield visitor


def test_rush_of_visitors_is_served_or_clearly_refused(visitor, folder):
    def visit(index):
        status, job = visitor.reserve(f'{index}.mp4')
        if status == 503:
            return job['kind']
        path = f'/api/jobs/{job["id"]}/video'
        assert visitor.ask('PUT', path, make_upload())[0] == 202
        return visitor.wait_for(job['id'], 'done')['findings']['verdict']

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(visit, range(32)))
    assert set(answers) <= {'fake', 'full'}
    assert answers.count('fake') >= 4
    assert len(rooms(folder)) <= Limits.max_kept + 4
    assert not uploads(folder)
    answers = [visitor.ask('GET', '/api/about')[0] for _ in range(200)]
    assert answers == [200] * 200


def test_body_that_trickles_in_is_not_waited_for(visitor, folder):
    with visitor.dial(make_head('POST', '/api/jobs', 100, b'{')) as line:
        status, body = read_answer(line)
        assert (status, body['kind']) == (408, 'too_slow')
    # A byte before each pause is over, but less than anyone's line carries.
    _, job = visitor.reserve()
    with visitor.begin_upload(job['id'], 90_000, make_upload()) as line:
        line.settimeout(WAIT_SECONDS / 4)
        for _ in range(100):
            with suppress(TimeoutError):
                if line.recv(1, socket.MSG_PEEK):
                    break
            line.sendall(b' ')
        status, body = read_answer(line)
    assert (status, body['kind']) == (408, 'too_slow')
    wait_until(lambda: f'job{job["id"]}' not in rooms(folder) and not uploads(folder))


def test_more_connections_than_are_taken_are_refused(visitor):
    with ExitStack() as stack:
        for _ in range(NUM_CONNECTIONS):
            stack.enter_context(visitor.dial())
        wait_until(lambda: visitor.ask('GET', '/')[0] == 503)
    wait_until(lambda: visitor.ask('GET', '/api/about')[0] == 200)


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(500), 400),
        (b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: ' + b'a' * 100_000, 400),
        (b'GET / HTTP/9.9\r\n\r\n', 400),
        (b'GET / HTTP/1.1\r\n\r\n', 400),
        (make_head('POST', '/api/jobs', -1), 400),
        (make_head('POST', '/api/jobs', '1\r\nContent-Length: 2', b'{}'), 400),
        (make_head('POST', '/api/jobs', '3\r\nTransfer-Encoding: gzip', b'{}'), 400),
        (make_head('GET', '/' + 'a' * 9_000), 404),
        (make_head('GET', '/%00%ff'), 404),
        (make_head('TRACE', '/'), 405),
        (make_head('BREW', '/api/jobs'), 405),
        (make_head('PUT', '/api/jobs/x/video', 10**15), 404),
        (make_head('DELETE', '/api/jobs/x'), 404),
    ],
)
def test_what_is_no_request_of_ours_is_refused(visitor, content, expected):
    with visitor.dial(content) as line:
        status, body = read_answer(line)
    assert status == expected
    if expected != 400:  # that is uvicorn's answer
        assert set(body) == {'kind', 'message'}


def test_broken_chunks_of_a_body_remove_the_upload(visitor, folder):
    _, job = visitor.reserve()
    head = make_head('PUT', f'/api/jobs/{job["id"]}/video')
    head = head.replace(b'Content-Length: 0', b'Transfer-Encoding: chunked')
    with visitor.dial(head + b'190\r\n' + make_upload() + b'\r\n') as line:
        wait_until(lambda: uploads(folder))
        line.sendall(b'no number\r\n')
        assert read_answer(line)[0] == 400
    wait_until(lambda: not uploads(folder))


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no disk that is full')
def test_full_disk_is_reported_and_the_place_given_back(visitor, folder, monkeypatch):
    def open_full(path, mode):
        return open('/dev/full', 'wb')

    _, job = visitor.reserve()
    with monkeypatch.context() as patch:
        patch.setattr('mmdeepfake.webapp.uploads.open', open_full, raising=False)
        upload = make_upload(num_bytes=90_000)
        status, headers, body = visitor.ask(
            'PUT', f'/api/jobs/{job["id"]}/video', upload
        )
    assert (status, body['kind'], headers['Retry-After']) == (503, 'full', '60')
    assert 'out of disk space' in body['message']
    wait_until(lambda: not uploads(folder))
    assert visitor.wait_for(visitor.send(b'full'), 'failed')['kind'] == 'full'
    assert visitor.wait_for(visitor.send(), 'done')['findings']['verdict'] == 'fake'


@needs_proc
def test_uploads_that_are_broken_off_anywhere_leave_nothing(visitor, folder):
    chance = random.Random(0)
    before = measure_process('self').handles
    for _ in range(30):
        if break_off(visitor, make_upload(num_bytes=50_000), chance) == 503:
            wait_until(lambda: not uploads(folder))
    wait_until(lambda: not uploads(folder))
    wait_until(lambda: measure_process('self').handles <= before)


def test_mixture_of_requests_gets_an_answer_each(visitor, folder):
    chance = random.Random(0)
    before = set(rooms(folder))
    known = ['x']
    for _ in range(200):
        request, status, answer = ask_anything(visitor, chance, known)
        assert status in (200, 201, 202, 204, 400, 404, 405, 409, 415, 422, 503)
        if status >= 400 and answer is not None:
            assert set(answer) == {'kind', 'message'}, request
    for one in known:
        visitor.ask('DELETE', f'/api/jobs/{one}')
    wait_until(lambda: set(rooms(folder)) <= before)


@needs_proc
def test_worker_that_is_killed_costs_its_upload_alone(visitor, tmp_path):
    first = visitor.send(f'wait for {tmp_path / "go on"}'.encode())
    visitor.wait_for(first, 'working')
    for pid in list_workers(os.getpid()):
        os.kill(pid, signal.SIGKILL)
    job = visitor.wait_for(first, 'failed')
    assert job['kind'] == 'crashed'
    assert 'ended by the system' in job['message']
    assert visitor.wait_for(visitor.send(), 'done')['findings']['verdict'] == 'fake'
