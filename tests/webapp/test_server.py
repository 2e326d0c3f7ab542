"""The page's server over real connections; a stub stands in for the model."""

from __future__ import annotations

import argparse
import json
import logging
import re
import threading
from contextlib import suppress

import pytest

pytest.importorskip('starlette', reason="the page needs the extra 'web'")
pytest.importorskip('uvicorn', reason="the page needs the extra 'web'")

from stubs.stub_examiner import make_broken_examiner, make_upload
from webapp_builders import ASKING, rooms, serving, uploads, wait_until

from mmdeepfake.errors import DataError
from mmdeepfake.miniff.encoding import decode_video
from mmdeepfake.webapp import example
from mmdeepfake.webapp.command import list_host_names
from mmdeepfake.webapp.jobs import JobBoard
from mmdeepfake.webapp.video_types import is_video_start

SCRIPT_NAME = '../../<script>alert(1)</script>"\'.mp4'


@pytest.fixture(scope='module')
def served(tmp_path_factory):
    return tmp_path_factory.mktemp('served')


@pytest.fixture(scope='module')
def visitor(served):
    with serving(served, max_kept=100) as visitor:
        yield visitor


@pytest.fixture
def folder(served, visitor):
    """The folder of the server's files, with nothing of the tests before."""
    visitor.withdraw_all()
    wait_until(lambda: not rooms(served))
    return served


def largest_upload(folder):
    """Bytes of it; the server may delete one between the listing and the look."""
    sizes = [0]
    for path in uploads(folder):
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return max(sizes)


def test_video_is_taken_and_its_findings_are_shown(visitor, folder):
    job_id = visitor.send()
    job = visitor.wait_for(job_id, 'done')
    assert job['findings']['verdict'] == 'fake'
    files = f'/api/jobs/{job_id}/files'
    status, headers, content = visitor.ask('GET', f'{files}/heat_0.png')
    assert (status, content) == (200, b'picture')
    assert headers['Content-Type'] == 'image/png'
    _, headers, _ = visitor.ask('GET', f'{files}/report.html')
    assert headers['Content-Disposition'] == 'attachment; filename="clip_report.html"'
    assert not uploads(folder)
    assert visitor.ask('DELETE', f'/api/jobs/{job_id}')[0] == 204
    assert visitor.ask('GET', f'/api/jobs/{job_id}')[0] == 404
    assert visitor.ask('GET', f'{files}/heat_0.png')[0] == 404
    assert not rooms(folder)


@pytest.mark.parametrize('path', ['/', '/page.js', '/page.css', '/icon.svg', '/none'])
def test_every_answer_binds_the_browser(visitor, path):
    status, headers, _ = visitor.ask('GET', path, headers={})
    assert status == (404 if path == '/none' else 200)
    policy = headers['Content-Security-Policy']
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert 'unsafe' not in policy
    assert headers['X-Content-Type-Options'] == 'nosniff'
    assert headers['Referrer-Policy'] == 'no-referrer'
    assert headers['Cache-Control'] == 'no-store'


def test_page_loads_nothing_from_elsewhere_and_has_no_inline_script(visitor):
    page = visitor.ask('GET', '/')[2].decode()
    script = visitor.ask('GET', '/page.js')[2].decode()
    assert set(re.findall(r'(?:src|href)="([^"#]+)"', page)) == {
        '/icon.svg', '/page.css', '/page.js',
    }  # fmt: skip
    assert not re.search(r'<script>|\son\w+=|style=', page)
    assert not re.search(
        r'innerHTML|outerHTML|insertAdjacent|document\.write|eval\(', script
    )
    assert 'http' not in script.replace('XMLHttpRequest', '').lower()


def test_size_that_is_too_big_is_refused_before_it_is_sent(visitor, folder):
    status, body = visitor.reserve(size=100_001)
    assert (status, body['kind']) == (413, 'too_big')
    assert 'larger than 0.1 MB' in body['message']
    assert not rooms(folder)


def test_body_without_a_length_is_cut_off_at_the_limit(visitor, folder):
    _, job = visitor.reserve(size=400)
    sent = []

    def chunks():
        yield make_upload()
        for _ in range(1000):
            sent.append(largest_upload(folder))
            yield b' ' * 10_000

    connection = visitor.connect()
    try:
        path = f'/api/jobs/{job["id"]}/video'
        connection.request('PUT', path, chunks(), ASKING, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)['kind']) == (413, 'too_big')
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server hung up before all was sent, as it may
    finally:
        connection.close()
    assert max(sent) <= 100_000
    assert visitor.ask('GET', f'/api/jobs/{job["id"]}')[0] == 404
    wait_until(lambda: not rooms(folder))


@pytest.mark.parametrize(
    ('content', 'kind'),
    [
        (b'#EXTM3U\n#EXTINF:1,\n/etc/passwd\n'.ljust(300), 'wrong_type'),
        (b'ffconcat version 1.0\nfile /etc/passwd\n', 'wrong_type'),
        (b'\x89PNG\r\n\x1a\n'.ljust(300), 'wrong_type'),
        (b'', 'broken'),
    ],
)
def test_files_that_are_not_videos_never_reach_a_decoder(
    visitor, folder, content, kind
):
    _, job = visitor.reserve('film.mp4')
    path = f'/api/jobs/{job["id"]}/video'
    assert visitor.ask('PUT', path, content)[2]['kind'] == kind
    assert not rooms(folder)


@pytest.mark.parametrize('order', [b'crash', b'exit', b'lie', b'babble'])
def test_worker_that_dies_costs_its_upload_alone(visitor, folder, order):
    job = visitor.wait_for(visitor.send(order), 'failed')
    assert job['kind'] == 'crashed'
    assert 'Other videos are not concerned' in job['message']
    assert not uploads(folder)
    assert visitor.wait_for(visitor.send(), 'done')['findings']['verdict'] == 'fake'


def test_refusal_and_failure_are_told_kindly(visitor, folder):
    job = visitor.wait_for(visitor.send(b'refuse'), 'failed')
    assert (job['kind'], job['message']) == (
        'too_long',
        'The video is longer than 7 seconds.',
    )
    job = visitor.wait_for(visitor.send(b'fail'), 'failed')
    assert job['kind'] == 'server'
    assert str(folder) not in str(job)


def test_waiting_room_refuses_clearly_when_it_is_full(visitor, folder, tmp_path):
    signal = tmp_path / 'go on'
    first = visitor.send(f'wait for {signal}'.encode())
    visitor.wait_for(first, 'working')
    second = visitor.send()
    assert visitor.look(second)['num_before'] == 1
    status, headers, body = visitor.ask(
        'POST', '/api/jobs', json.dumps({'name': 'c.mp4', 'size': 400})
    )
    assert (status, body['kind'], headers['Retry-After']) == (503, 'full', '60')
    assert '2 videos wait or are being examined' in body['message']
    signal.touch()
    visitor.wait_for(first, 'done')
    visitor.wait_for(second, 'done')
    status, job = visitor.reserve()
    assert status == 201
    assert visitor.ask('DELETE', f'/api/jobs/{job["id"]}')[0] == 204


def test_withdrawn_work_is_stopped_and_gives_its_place_back(visitor, folder):
    hanging = visitor.send(b'hang')
    visitor.wait_for(hanging, 'working')
    assert visitor.ask('DELETE', f'/api/jobs/{hanging}')[0] == 204
    assert visitor.ask('GET', f'/api/jobs/{hanging}')[0] == 404
    visitor.wait_for(visitor.send(), 'done')


@pytest.mark.parametrize(
    'path',
    [
        '/api/jobs/',
        '/api/jobs/..',
        '/api/jobs/%2e%2e',
        '/api/jobs/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
        '/api/jobs/{id}/files/',
        '/api/jobs/{id}/files/..%2fupload',
        '/api/jobs/{id}/files/%2e%2e%2fupload',
        '/api/jobs/{id}/files/link.png',
        '/api/jobs/{id}/files/gone.png',
        '/api/jobs/{id}/files/%00',
        '/page/../../command.py',
        '/page.js/../command.py',
        '/etc/passwd',
    ],
)
def test_nothing_is_reached_beside_the_results(visitor, folder, path):
    job_id = visitor.send()
    visitor.wait_for(job_id, 'done')
    status, _, body = visitor.ask('GET', path.replace('{id}', job_id))
    assert status in (404, 405)
    assert 'root:' not in str(body)
    assert str(folder) not in str(body)


OWN_PAGE = {**ASKING, 'Sec-Fetch-Site': 'same-origin'}


@pytest.mark.parametrize(
    ('headers', 'is_ours'),
    [
        ({**OWN_PAGE, 'Origin': 'http://127.0.0.1:{port}'}, True),
        ({}, False),
        ({**ASKING, 'Origin': 'https://elsewhere.example'}, False),
        ({**ASKING, 'Origin': 'null'}, False),
        ({**ASKING, 'Sec-Fetch-Site': 'cross-site'}, False),
    ],
)
def test_only_our_page_can_send_videos(visitor, folder, headers, is_ours):
    headers = {name: text.format(port=visitor.port) for name, text in headers.items()}
    asked = json.dumps({'name': 'clip.mp4', 'size': 400})
    status, answer_headers, body = visitor.ask('POST', '/api/jobs', asked, headers)
    assert status == (201 if is_ours else 403)
    assert body.get('kind') == (None if is_ours else 'not_allowed')
    assert answer_headers['X-Content-Type-Options'] == 'nosniff'


@pytest.mark.parametrize(
    'host', ['elsewhere.example', '127.0.0.1.elsewhere.example', '', 'www.127.0.0.1']
)
def test_server_is_not_reached_by_another_name(visitor, host):
    status, headers, _ = visitor.ask('GET', '/api/about', headers={'Host': host})
    assert status == 400
    assert headers['X-Content-Type-Options'] == 'nosniff'


@pytest.mark.parametrize(
    ('host', 'allowed', 'expected'),
    [
        ('127.0.0.1', [], {'localhost', '127.0.0.1', '[::1]'}),
        ('::1', ['a.example'], {'localhost', '127.0.0.1', '[::1]', 'a.example'}),
        ('0.0.0.0', [], set()),  # any name
    ],
)
def test_names_are_those_of_this_machine_and_of_the_proxy(host, allowed, expected):
    arguments = argparse.Namespace(host=host, allow_host=allowed)
    assert set(list_host_names(arguments)) == expected


@pytest.mark.parametrize(
    'body',
    ['', '[]', '{', '{"name": "a"}', '{"size": "9"}', '{"size": -1}', '[' * 5000],
)
def test_nonsense_is_refused(visitor, body):
    status, _, answer = visitor.ask('POST', '/api/jobs', body)
    assert (status, answer['kind']) == (400, 'bad_request')


def test_name_with_a_script_is_a_name_without_a_folder(visitor, folder, caplog):
    with caplog.at_level(logging.DEBUG, 'mmdeepfake'):
        job_id = visitor.send(name=SCRIPT_NAME)
        job = visitor.wait_for(job_id, 'done')
    assert job['name'] == 'script>"\'.mp4'
    assert 'script' not in caplog.text
    assert job_id not in caplog.text
    headers = visitor.ask('GET', f'/api/jobs/{job_id}')[1]
    assert headers['Content-Type'] == 'application/json'


def test_video_is_sent_once(visitor):
    job_id = visitor.send()
    status, _, body = visitor.ask('PUT', f'/api/jobs/{job_id}/video', make_upload())
    assert (status, body['kind']) == (409, 'conflict')
    visitor.wait_for(job_id, 'done')


@pytest.fixture
def sweeping(monkeypatch):
    """Whether the server removes what is too old, which it looks for all the time."""
    sweeping = threading.Event()

    def sweep(board, sweep=JobBoard.sweep):
        if sweeping.is_set():
            sweep(board)

    monkeypatch.setattr(JobBoard, 'sweep', sweep)
    monkeypatch.setattr('mmdeepfake.webapp.server._SWEEP_SECONDS', 0.1)
    return sweeping


def test_limits_of_time_are_kept_and_all_files_go(tmp_path, sweeping):
    with serving(
        tmp_path, job_seconds=0.5, idle_seconds=1, keep_minutes=0.02
    ) as visitor:
        job = visitor.wait_for(visitor.send(b'hang'), 'failed')
        assert job['kind'] == 'time_limit'
        assert 'longer than 0.5 seconds' in job['message']
        _, slow = visitor.reserve()
        connection = visitor.connect()
        connection.putrequest('PUT', f'/api/jobs/{slow["id"]}/video')
        connection.putheader('X-MMDeepfake', 'test')
        connection.putheader('Content-Length', '400')
        connection.endheaders(b'....')
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)['kind']) == (408, 'too_slow')
        connection.close()
        visitor.reserve()  # and never sends anything
        sweeping.set()
        wait_until(lambda: not rooms(tmp_path))
        sweeping.clear()
        visitor.send(b'hang')
    assert not list(tmp_path.iterdir())


def test_example_is_rendered_once_and_is_a_video(visitor, tmp_path, monkeypatch):
    monkeypatch.setattr(example, '_NUM_FRAMES', 2)
    monkeypatch.setattr(example, '_SIZE_PX', 64)
    example.render_example.cache_clear()
    answers = [visitor.ask('GET', '/example.mp4') for _ in range(2)]
    assert answers[0] == (200, answers[0][1], answers[1][2])
    assert example.render_example.cache_info()[:2] == (1, 1)  # hits, misses
    assert answers[0][1].get_content_type() == 'video/mp4'
    assert is_video_start(answers[0][2])
    (tmp_path / 'example.mp4').write_bytes(answers[0][2])
    assert decode_video(tmp_path / 'example.mp4').shape == (2, 64, 64, 3)
    example.render_example.cache_clear()


def test_server_does_not_start_without_a_model(tmp_path):
    with pytest.raises(DataError, match='no checkpoint here'):
        with serving(tmp_path, make_broken_examiner):
            pass
    assert not list(tmp_path.iterdir())
