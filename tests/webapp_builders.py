"""A running page with the stub behind it, and a visitor who talks plain HTTP."""

from __future__ import annotations

import http.client
import json
import tempfile
import threading
import time
from contextlib import contextmanager

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

    def ask(self, method, path, body=None, headers=ASKING):
        """Give status, headers and body; JSON is read."""
        connection = self.connect()
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.headers.get_content_type() == 'application/json':
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
