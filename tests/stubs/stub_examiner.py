"""A stand-in for the model behind the page: an upload says what becomes of it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from mmdeepfake.errors import DataError
from mmdeepfake.webapp.limits import Refusal

MP4_START = b'\x00\x00\x00\x18ftypmp42'


def make_upload(order=b'', num_bytes=400):
    """Bytes that pass for an MP4 and carry an order to the stub."""
    return (MP4_START + order).ljust(num_bytes, b' ')


class StubExaminer:
    """Does what the upload says: crash, hang, refuse, fail; else it finds a fake."""

    def describe(self):
        return {
            'threshold': 0.5,
            'is_calibrated': False,
            'model': 'stub',
            'version': '',
        }

    def examine(self, upload, folder, name, report):
        order = upload.read_bytes()[len(MP4_START) :].decode().strip()
        report('Scoring', 1, 2)
        if order == 'crash':
            os.kill(os.getpid(), signal.SIGSEGV)
        elif order == 'exit':
            os._exit(3)
        elif order == 'hang':
            time.sleep(600)
        elif order == 'lie':
            return ['no findings']
        elif order == 'babble':
            report('Scoring', None, {})
        elif order == 'refuse':
            raise Refusal('too_long', 'The video is longer than 7 seconds.')
        elif order == 'fail':
            raise RuntimeError(f'in {upload}')
        elif order.startswith('wait for '):
            while not Path(order.removeprefix('wait for ')).exists():
                time.sleep(0.02)
        (Path('/dev/full') if order == 'full' else folder / 'heat_0.png').write_bytes(
            b'picture'
        )
        (folder / 'report.html').write_text('<p>report</p>')
        (folder / 'link.png').symlink_to('/etc/passwd')
        files = ['heat_0.png', 'report.html', 'link.png', '../upload', 'gone.png']
        return {'verdict': 'fake', 'fake_score': 0.9, 'faces': [], 'files': files}


def make_broken_examiner():
    """Fail as an inferencer without weights does."""
    raise DataError('no checkpoint here')
