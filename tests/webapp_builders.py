"""A running page with the stub behind it, and a visitor who talks plain HTTP."""

from __future__ import annotations

import http.client
import json
import multiprocessing.util
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stubs.stub_examiner import StubExaminer, make_upload
from tool_runs import ROOT

from mmdeepfake.webapp.command import running_jobs
from mmdeepfake.webapp.limits import Limits
from mmdeepfake.webapp.server import make_app, make_server

TOOL = ROOT / 'tools/webapp.py'
ASKING = {'X-MMDeepfake': 'test'}
PATIENCE_SECONDS = 180  # a busy machine may be slow; nothing here waits so long


class Visitor:
    """Asks a server of this machine."""

    def __init__(self, port):
        self.port = port
        self.job_ids = []

    def connect(self):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)

    def dial(self, content=b''):
        """Open a bare connection and send something."""
        line = socket.create_connection(('127.0.0.1', self.port), PATIENCE_SECONDS)
        line.sendall(content)
        return line

    def begin_upload(self, job_id, num_bytes, content=b''):
        """Open a connection with the head of an upload, and send some of its body."""
        return self.dial(
            make_head('PUT', f'/api/jobs/{job_id}/video', num_bytes, content)
        )

    def ask(self, method, path, body=None, headers=ASKING):
        """Give status, headers and body; JSON is read."""
        connection = self.connect()
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            if content and answer.headers.get_content_type() == 'application/json':
                content = json.loads(content)
                if method == 'POST' and 'id' in content:
                    self.job_ids.append(content['id'])
            return answer.status, answer.headers, content
        finally:
            connection.close()

    def reserve(self, name='clip.mp4', size=400):
        asked = json.dumps({'name': name, 'size': size})
        status, _, body = self.ask('POST', '/api/jobs', asked)
        return status, body

    def withdraw_all(self):
        """Have the server forget every video that it was asked to take."""
        while self.job_ids:
            self.ask('DELETE', f'/api/jobs/{self.job_ids.pop()}')

    def send(self, order=b'', name='clip.mp4'):
        """Upload a video with an order for the stub; give the id of its job."""
        _, job = self.reserve(name)
        upload = make_upload(order)
        status, _, _ = self.ask('PUT', f'/api/jobs/{job["id"]}/video', upload)
        assert status == 202
        return job['id']

    def look(self, job_id):
        return self.ask('GET', f'/api/jobs/{job_id}')[2]

    def wait_for(self, job_id, *states):
        wait_until(lambda: self.look(job_id).get('state') in states)
        return self.look(job_id)


def make_head(method, path, num_bytes=0, content=b''):
    """Write out the head of a request as it goes over the line, and some content."""
    head = (
        f'{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-MMDeepfake: test\r\n'
        f'Content-Length: {num_bytes}\r\n\r\n'
    )
    return head.encode() + content


def read_answer(line):
    """Give status and content of the next answer on a bare connection; JSON is read."""
    answer = http.client.HTTPResponse(line)
    answer.begin()
    content = answer.read()
    if answer.headers.get_content_type() == 'application/json':
        content = json.loads(content)
    return answer.status, content


def rooms(folder):
    """The folders of jobs that are on the disk."""
    return sorted(path.name for path in folder.glob('*/job*'))


def uploads(folder):
    return list(folder.glob('*/job*/upload'))


def wait_until(is_so):
    """Wait for something that is bound to come."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, 'it did not come'
        time.sleep(0.02)


@contextmanager
def serving(folder, make_examiner=StubExaminer, **limits):
    """Run a server whose files lie in a folder; gives a visitor of it."""
    limits = Limits(**{'max_megabytes': 0.1, 'queue': 1, **limits})
    multiprocessing.util.get_temp_dir()  # made once a process, and not in this folder
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        with running_jobs(make_examiner, limits) as (board, about):
            app = make_app(board, limits, about, host_names=['127.0.0.1'])
            server = make_server(app, port=0)
            thread = threading.Thread(target=server.run)
            thread.start()
            try:
                wait_until(lambda: server.started)
                port = server.servers[0].sockets[0].getsockname()[1]
                yield Visitor(port)
            finally:
                server.should_exit = True
                thread.join()
    finally:
        tempfile.tempdir = before


@dataclass
class Server:
    """The tool, running.

    Attributes:
        process: of it.
        address: that it tells, as 'http://127.0.0.1:7860/'.
        lines: what it has said so far.
        temp: where its files lie.
    """

    process: subprocess.Popen
    address: str
    lines: list[str]
    temp: Path

    @property
    def visitor(self):
        return Visitor(int(self.address.rstrip('/').rsplit(':', 1)[1]))


def start_tool(*words, temp, **options):
    """Start the tool as a user does; `options` are those of `subprocess.Popen`."""
    environment = {
        **os.environ,
        'PYTHONPATH': str(ROOT / 'tests'),
        'PYTHONUNBUFFERED': '1',
        'OMP_NUM_THREADS': '1',
        'TMPDIR': str(temp),
    }
    command = [sys.executable, str(TOOL), '--port', '0', *map(str, words)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, **options,
    )  # fmt: skip
    lines: list[str] = []
    addresses: queue.Queue[str | None] = queue.Queue()

    def read():
        for line in process.stdout:
            lines.append(line)
            for address in re.findall(r'http://\S+/', line):
                addresses.put(address)
        addresses.put(None)

    threading.Thread(target=read, daemon=True).start()
    address = addresses.get(timeout=PATIENCE_SECONDS)
    assert address, ''.join(lines)
    return Server(process, address, lines, Path(temp))


@contextmanager
def running_tool(*words, temp, **options):
    """Run the tool, and end it as a service is ended."""
    server = start_tool(*words, temp=temp, **options)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(60)
    assert code == 0, ''.join(server.lines)
