"""The page while something is done to it: what it holds, and that it gives it back."""

from __future__ import annotations

import time

import pytest
from process_watch import ProcessWatch


def summarise_looks(looks):
    """Give, for each thing held, what it was at first, at most, and in the end."""
    columns = {
        'server_mb': [look.server.anonymous / 1e6 for look in looks],
        'others_mb': [look.others.anonymous / 1e6 for look in looks],
        'handles': [look.server.handles for look in looks],
        'threads': [look.server.threads for look in looks],
        'files': [look.num_files for look in looks],
        'disk_mb': [look.num_bytes / 1e6 for look in looks],
    }
    return {
        name: [round(value, 1) for value in (values[0], max(values), values[-1])]
        for name, values in columns.items()
    }


class Settling:
    """Waits until the server has put away what a test had left it."""

    def __init__(self, page, content):
        self._page, self._content = page, content
        self._watch = ProcessWatch(page.process.pid, page.temp)

    def __call__(self, before=None):
        visitor = self._page.visitor
        # Whichever test went before, the worker has been at work.
        assert bring_and_wait(visitor, self._content)['state'] == 'done'
        for _ in range(12):
            time.sleep(6)
            # A thread that read files ends when another one is asked for.
            visitor.ask('GET', '/page.js')
            look = self._watch.look()
            if before is None or not _more(look, before):
                return look
        pytest.fail(f'{_more(look, before)}: {before} -> {look}')


def _more(look, before):
    """Names of what a look shows more of than one before."""
    pairs = {
        'handles': (look.server.handles, before.server.handles),
        'threads': (look.server.threads, before.server.threads),
        'processes': (look.others.processes, before.others.processes),
        'handles of others': (look.others.handles, before.others.handles),
        'files': (look.num_files, before.num_files),
    }
    return [name for name, (now, then) in pairs.items() if now > then]


def bring(visitor, content, name='clip.mp4'):
    """Upload a video; return the last status, and the job or the refusal."""
    status, job = visitor.reserve(name, len(content))
    if status != 201:
        return status, job
    status, _, job = visitor.ask('PUT', f'/api/jobs/{job["id"]}/video', content)
    return status, job


def bring_and_wait(visitor, content):
    """Upload a video; return its job when it has ended, or why it was refused."""
    status, job = bring(visitor, content)
    if status != 202:
        return {'state': 'refused', **job}
    end = time.monotonic() + 1800
    while job['state'] not in ('done', 'failed'):
        assert time.monotonic() < end
        time.sleep(0.3)
        job = visitor.look(job['id'])
    visitor.ask('DELETE', f'/api/jobs/{job["id"]}')
    return job
