"""A decoder that does to its process what the name of a video says."""

import os
import signal
import socket
import time
from pathlib import Path

import numpy as np

from mmdeepfake.video.local_decoding import LocalDecoder

HARMLESS_FRAMES = 3


def _eat_memory():
    eaten = []
    while True:
        eaten.append(np.ones(16 << 20, np.uint8))


_DEEDS = {
    'segfault': lambda: os.kill(os.getpid(), signal.SIGSEGV),
    'abort': os.abort,
    'killed': lambda: os.kill(os.getpid(), signal.SIGKILL),
    'leaves': lambda: os._exit(127),
    'hangs': lambda: time.sleep(600),
    'eats': _eat_memory,
    'talks': lambda: print('no message'),
    'raises': lambda: [][1],
}


def _act(path):
    deed = _DEEDS.get(Path(path).stem)
    if deed is not None:
        deed()


class TreacherousDecoder(LocalDecoder):
    """Decodes; after some frames of 'segfault.mp4' it crashes, and so on."""

    def open_video(self, path):
        video = super().open_video(path)
        read = video.read_unconverted

        def read_until_it_happens():
            for index, frame in enumerate(read()):
                if index == HARMLESS_FRAMES:
                    _act(path)
                yield frame

        video.read_unconverted = read_until_it_happens
        return video

    def open_reader(self, path, *, num_threads=1):
        reader = super().open_reader(path, num_threads=num_threads)
        read = reader.read

        def read_after_it_happened(indices):
            if max(indices) >= HARMLESS_FRAMES:
                _act(path)
            return read(indices)

        reader.read = read_after_it_happened
        return reader


def say(channel, said):
    """Send bytes in place of answers, and wait for the end."""
    connection = socket.socket(fileno=os.dup(channel.fileno()))
    connection.sendall(said)
    time.sleep(600)
