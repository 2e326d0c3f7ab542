import av
import pytest

from mmdeepfake.faces.detection import build_detector
from mmdeepfake.faces.tracking import track_faces


@pytest.fixture(scope='session')
def real_clip(realff):
    """A real clip with one large face: 96 frames (384, 384, 3) RGB."""
    path = realff / 'original_sequences/youtube/c23/videos/000.mp4'
    with av.open(str(path)) as container:
        return [f.to_ndarray(format='rgb24') for f in container.decode(video=0)]


@pytest.fixture(scope='session')
def centerface():
    return build_detector('centerface', engine='opencv')


@pytest.fixture(scope='session')
def real_tracking(real_clip):
    """The tracks of the real clip."""
    return track_faces(real_clip, build_detector('centerface'))
