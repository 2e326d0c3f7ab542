"""A running page with the stub behind it, and a visitor who talks plain HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import tempfile
import threading
import time
from contextlib import contextmanager, suppress

from stubs.stub_examiner import StubExaminer, make_upload

from mmdeepfake.webapp.command import running_jobs
from mmdeepfake.webapp.connections import make_server
from mmdeepfake.webapp.limits import Limits
from mmdeepfake.webapp.server import make_app

ASKING = {'X-MMDeepfake': 'test'}
PATIENCE_SECONDS = 120  # a busy machine may be slow; nothing here waits so long


class Visitor:
    """Asks a server of this machine."""

    def __init__(self, port):
        self.port = port

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
            return answer.status, answer.headers, content
        finally:
            connection.close()

    def reserve(self, name='clip.mp4', size=400):
        asked = json.dumps({'name': name, 'size': size})
        status, _, body = self.ask('POST', '/api/jobs', asked)
        return status, body

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


def wait_for_end(line):
    """Wait until the server hangs up; give what it had still to say."""
    content = b''
    with suppress(ConnectionResetError):
        while piece := line.recv(1 << 16):
            content += piece
    return content


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
