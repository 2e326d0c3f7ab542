"""The example of the page: a rendered head, since it shows no real person."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

_NUM_FRAMES, _SIZE_PX, _FPS = 50, 256, 25  # two seconds
_METHOD, _CRF = 'FaceSwap', 18


@functools.cache
def render_example() -> bytes:
    """Render a forged video of MiniFF in some seconds; return the MP4 file."""
    from mmdeepfake.miniff.encoding import encode_videos
    from mmdeepfake.miniff.render import render_frames
    from mmdeepfake.miniff.settings import MiniFFSettings
    from mmdeepfake.miniff.video_jobs import list_jobs

    settings = MiniFFSettings(
        num_identities=(2, 2, 2),
        num_frames=_NUM_FRAMES,
        size_px=_SIZE_PX,
        fps=_FPS,
        methods=(_METHOD,),
    )
    frames, _ = render_frames(list_jobs(settings)[-1], settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'example.mp4')
        encode_videos(frames, [(path, _CRF)], fps=_FPS, coding=settings.coding)
        return path.read_bytes()
