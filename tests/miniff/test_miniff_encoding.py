import av
import numpy as np
import pytest

from mmdeepfake.miniff.encoding import decode_video, encode_videos


@pytest.fixture(scope='module')
def frames():
    """A smooth image that moves by one pixel per frame: (8, 64, 64, 3)."""
    x = np.linspace(0, 4 * np.pi, 72)
    wave = 128 + 90 * np.sin(x)[None, :] * np.cos(x)[:64, None]
    moving = np.stack([wave[:, t : t + 64] for t in range(8)])
    return np.stack([moving, 0.9 * moving, 0.8 * moving + 20], axis=-1).astype(np.uint8)


def test_decoded_frames_are_those_encoded(tmp_path, frames):
    encode_videos(frames, [(tmp_path / 'a.mp4', 5)], fps=25)
    decoded = decode_video(tmp_path / 'a.mp4')
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).mean() < 4
    assert [path.name for path in tmp_path.iterdir()] == ['a.mp4']


def test_higher_rate_factor_gives_a_smaller_file_and_is_recorded(tmp_path, frames):
    fine, coarse = tmp_path / 'c23.mp4', tmp_path / 'c40.mp4'
    encode_videos(frames, [(fine, 23), (coarse, 40)], fps=25)
    assert coarse.stat().st_size < fine.stat().st_size
    # x264 writes its settings into the stream, as in the files of FaceForensics++.
    assert b'crf=23.0' in fine.read_bytes()
    assert b'crf=40.0' in coarse.read_bytes()


def test_stream_has_the_rate_and_pixels_of_h264(tmp_path, frames):
    encode_videos(frames, [(tmp_path / 'a.mp4', 23)], fps=30)
    with av.open(str(tmp_path / 'a.mp4')) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert stream.codec_context.pix_fmt == 'yuv420p'
        assert stream.average_rate == 30
        assert stream.frames == 8


@pytest.mark.parametrize(('coding', 'num_key_frames'), [('inter', 1), ('intra', 8)])
def test_intra_coding_predicts_no_frame_from_another(
    tmp_path, frames, coding, num_key_frames
):
    encode_videos(frames, [(tmp_path / 'a.mp4', 40)], fps=25, coding=coding)
    with av.open(str(tmp_path / 'a.mp4')) as container:
        keys = [frame.key_frame for frame in container.decode(video=0)]
    assert sum(keys) == num_key_frames


def test_intra_coded_frame_does_not_depend_on_its_neighbours(tmp_path, frames):
    still = np.repeat(frames[3:4], 8, axis=0)
    for name, clip in (('moving', frames), ('still', still)):
        path = tmp_path / f'{name}.mp4'
        encode_videos(clip, [(path, 40)], fps=25, coding='intra')
    moving, still = (
        decode_video(tmp_path / f'{n}.mp4')[3] for n in ('moving', 'still')
    )
    np.testing.assert_array_equal(moving, still)


def test_grey_masks_come_back_black_and_white(tmp_path):
    masks = np.zeros((4, 64, 64), np.uint8)
    masks[:, 16:48, 20:40] = 255
    encode_videos(masks, [(tmp_path / 'mask.mp4', 10)], fps=25)
    decoded = decode_video(tmp_path / 'mask.mp4')
    assert ((decoded[..., 0] > 127) == (masks > 127)).all()
    assert np.ptp(decoded, axis=-1).max() <= 2
