import re
import resource
import tarfile

import cv2
import numpy as np
import pytest

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.video.clip_storage import CLIP_FORMATS, ClipWriter, is_clip, open_clip


def make_frames(num_frames=7, height=61, width=75):
    """Draw smooth colour ramps that move, each frame unlike the others."""
    rows, columns = np.mgrid[:height, :width].astype(float)
    return np.stack(
        [
            np.stack(
                (
                    128 + 100 * np.sin((rows + 9 * i) / 11),
                    128 + 100 * np.cos((columns - 5 * i) / 13),
                    128 + 100 * np.sin((rows + columns) / 17 + i),
                ),
                axis=-1,
            ).astype(np.uint8)
            for i in range(num_frames)
        ]
    )


def write(path_stem, frames, format='png', times=None, **options):
    with ClipWriter(path_stem, format, fps=25.0, **options) as writer:
        for i, frame in enumerate(frames):
            writer.write(frame, time_seconds=None if times is None else times[i])
    return writer.path


def psnr(one, other):
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return 10 * np.log10(255**2 / error)


def test_png_gives_back_every_pixel_in_any_order(tmp_path):
    frames = make_frames()
    with open_clip(write(tmp_path / 'a', frames)) as clip:
        assert (len(clip), clip.fps, clip.height, clip.width) == (7, 25.0, 61, 75)
        for indices in ([0, 1, 2, 3, 4, 5, 6], [6, 2, 2, 0], [3]):
            np.testing.assert_array_equal(clip.read(indices), frames[indices])
        assert clip.read([]).shape == (0, 61, 75, 3)


def test_lossy_clip_is_close_to_its_source_and_smaller(tmp_path):
    frames = make_frames(height=128, width=160)
    # Noise as of a camera, without which PNG would be small too.
    frames += np.random.default_rng(0).integers(0, 4, frames.shape, np.uint8)
    png = write(tmp_path / 'png', frames)
    for format in set(CLIP_FORMATS) - {'png'}:
        path = write(tmp_path / format, frames, format)
        assert psnr(open_clip(path).read(range(7)), frames) > 42
        assert path.stat().st_size < png.stat().st_size


def test_clip_is_a_plain_tar_of_numbered_pictures(tmp_path):
    frames = make_frames()
    with tarfile.open(write(tmp_path / 'a.b c', frames)) as archive:
        names = archive.getnames()
        assert names[:7] == [f'{i:06d}.png' for i in range(7)]
        content = archive.extractfile('000004.png').read()
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(picture, frames[4])


@pytest.mark.parametrize('format', CLIP_FORMATS)
def test_same_frames_give_the_same_bytes(tmp_path, format):
    frames = make_frames()
    one, other = (write(tmp_path / name, frames, format) for name in 'ab')
    assert one.read_bytes() == other.read_bytes()


def test_long_clip_is_indexed_beyond_the_first_read(tmp_path):
    frames = make_frames(1, 8, 8).repeat(1500, axis=0)
    frames[:, 0, 0, 0] = np.arange(1500) % 251
    times = np.linspace(1.5, 70.0, 1500)
    with open_clip(write(tmp_path / 'a', frames, times=times)) as clip:
        assert len(clip) == 1500
        assert clip.read([0, 733, 1499])[:, 0, 0, 0].tolist() == [0, 231, 244]
        np.testing.assert_array_equal(clip.times_seconds, times)


def test_times_are_even_where_none_were_given(tmp_path):
    clip = open_clip(write(tmp_path / 'a', make_frames(3)))
    np.testing.assert_allclose(clip.times_seconds, [0, 0.04, 0.08])


def test_killed_or_failed_writer_leaves_no_clip(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with ClipWriter(tmp_path / 'a', 'png', fps=25.0) as writer:
            writer.write(make_frames(1)[0])
            assert not writer.path.exists()
            raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_full_disk_passes_through_and_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('mmdeepfake.video.clip_storage.os.fsync', refuse)
    with pytest.raises(OSError, match='No space left'):
        write(tmp_path / 'a', make_frames(2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('size', ['large', 'small'])
def test_disk_that_fills_while_frames_are_written_leaves_nothing(tmp_path, size):
    # Large ones are written at once, small ones wait in a buffer.
    side = {'large': 64, 'small': 8}[size]
    shape = (64**3 // side**2 // 8, side, side, 3)
    frames = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        with pytest.raises(OSError, match='File too large'):
            write(tmp_path / 'a', frames)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_name_tells_a_clip():
    assert is_clip('clips/000/track_0.tar')
    assert not is_clip('clips/000.mp4') and not is_clip('clips/tar')


def test_missing_clip_is_named_with_its_whole_path(tmp_path):
    message = f'no face clip .*{tmp_path.name}/a.tar'
    with pytest.raises(DataNotFoundError, match=message):
        open_clip(tmp_path / 'a.tar')


@pytest.mark.parametrize('share', [0.0, 0.3, 0.9, 0.999])
def test_truncated_clip_is_refused(tmp_path, share):
    path = write(tmp_path / 'a', make_frames())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r'a\.tar.* cannot be opened: it is truncated'):
        open_clip(path)


def test_other_tar_file_is_refused(tmp_path):
    (tmp_path / 'x').write_bytes(b'x' * 5000)
    with tarfile.open(tmp_path / 'a.tar', 'w') as archive:
        archive.add(tmp_path / 'x', 'x')
    with pytest.raises(DataError, match='or not a face clip'):
        open_clip(tmp_path / 'a.tar')


@pytest.mark.parametrize(
    ('field', 'value', 'message'),
    [
        (rb'"format": "\w+"', b'"format": "pmg"', "its format is 'pmg', known are "),
        (rb'"index": \[[^]]*\]', b'"index": null', 'has no index'),
    ],
)
def test_clip_of_another_index_is_refused(tmp_path, field, value, message):
    path = write(tmp_path / 'a', make_frames())
    content = path.read_bytes()
    old = re.search(field, content)[0]
    path.write_bytes(content.replace(old, value.ljust(len(old))))
    with pytest.raises(DataError, match=message):
        open_clip(path)


@pytest.mark.parametrize('format', CLIP_FORMATS)
def test_damaged_frame_is_named(tmp_path, format):
    path = write(tmp_path / 'a', make_frames(), format)
    with tarfile.open(path) as archive:
        member = archive.getmembers()[3]
    content = bytearray(path.read_bytes())
    content[member.offset_data + member.size // 2] ^= 0xFF
    path.write_bytes(content)
    clip = open_clip(path)
    assert len(clip.read([2, 4])) == 2
    with pytest.raises(DataError, match=r'a\.tar.: frame 3 of 7 is damaged'):
        clip.read([2, 3])


@pytest.mark.parametrize('indices', [[7], [-1], [0, 12]])
def test_frame_beyond_the_clip_is_refused(tmp_path, indices):
    clip = open_clip(write(tmp_path / 'a', make_frames()))
    with pytest.raises(DataError, match='were asked for; it has 7, counted from 0'):
        clip.read(indices)


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        ({'format': 'gif'}, ConfigError, "clip format 'gif'; allowed are "),
        ({'quality': 10}, ConfigError, "quality 10 of clip format 'png'; allowed is 0"),
    ],
)
def test_wrong_setting_is_refused(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        write(tmp_path / 'a', make_frames(1), **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('frames', 'message'),
    [
        ([], r'got no frame; it needs one'),
        ([np.zeros((4, 4, 3))], r'type float64; needed is \(H, W, 3\), uint8'),
        (
            [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)],
            r'frame 1 has shape \(4, 6, 3\), those before it \(4, 4, 3\)',
        ),
    ],
)
def test_frames_that_make_no_clip_are_refused(tmp_path, frames, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / 'a', frames)
    assert list(tmp_path.iterdir()) == []


def test_times_for_some_frames_only_are_refused(tmp_path):
    with pytest.raises(ValueError, match='times for 1 of 2 frames'):
        write(tmp_path / 'a', make_frames(2), times=[0.0, None])
