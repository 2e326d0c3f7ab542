import av
import cv2
import numpy as np
import pytest
from builders import make_clip, make_frame_folder, make_video, read_index
from mmengine.dataset import Compose

from mmdeepfake.datasets.frame_readers import open_reader
from mmdeepfake.datasets.transforms import DecodeFrames, OpenVideo
from mmdeepfake.datasets.transforms.decoding import stream_frames
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError


def decode(path, indices):
    results = OpenVideo()({'filename': str(path)})
    return DecodeFrames()({**results, 'frame_inds': np.array(indices)})


def decode_in_sequence(path):
    with av.open(str(path)) as container:
        return [f.to_ndarray(format='rgb24') for f in container.decode(video=0)]


@pytest.fixture(scope='module')
def long_video(tmp_path_factory):
    """90 frames with B-frames and keyframes 30 frames apart, as in long clips."""
    path = tmp_path_factory.mktemp('decoding') / 'long.mp4'
    return make_video(path, num_frames=90, gop=30, bframes=3)


def test_opening_counts_frames_and_finds_the_rate(long_video):
    results = OpenVideo()({'filename': str(long_video)})
    assert results['total_frames'] == 90
    assert results['avg_fps'] == 25.0


def test_random_frames_are_those_of_a_decoding_in_sequence(long_video):
    frames = decode_in_sequence(long_video)
    assert [read_index(frame) for frame in frames] == list(range(90))
    rng = np.random.default_rng(0)
    for _ in range(5):
        indices = rng.integers(0, 90, 16)
        results = decode(long_video, indices)
        assert [read_index(frame) for frame in results['imgs']] == indices.tolist()
        for frame, index in zip(results['imgs'], indices, strict=True):
            np.testing.assert_array_equal(frame, frames[index])


def test_repeated_frames_share_no_memory(long_video):
    images = decode(long_video, [5, 5, 6])['imgs']
    images[0][:] = 0
    assert read_index(images[1]) == 5


def test_results_hold_shapes_and_no_reader(long_video):
    results = decode(long_video, [0, 1])
    assert results['img_shape'] == results['original_shape'] == (64, 64)
    assert 'video_reader' not in results
    assert results['imgs'][0].dtype == np.uint8


@pytest.mark.parametrize('template', ['{:04d}.png', 'frame_{:d}.png'])
def test_frame_folder_is_read_like_a_video(tmp_path, template):
    folder = make_frame_folder(tmp_path / 'a', template=template, first=7)
    results = {
        'frame_dir': str(folder),
        'filename_tmpl': template,
        'offset': 7,
        'total_frames': 12,
        'frame_inds': np.array([3, 4, 3, 11]),
    }
    images = DecodeFrames()(OpenVideo()(results))['imgs']
    assert [read_index(image) for image in images] == [3, 4, 3, 11]


def test_stored_clip_is_read_like_a_video(tmp_path):
    path = make_clip(tmp_path / 'track_0.tar', num_frames=12, fps=29.97)
    opened = OpenVideo()({'filename': str(path)})
    assert (opened['total_frames'], opened['avg_fps']) == (12, 29.97)
    results = decode(path, [3, 4, 3, 11])
    assert [read_index(image) for image in results['imgs']] == [3, 4, 3, 11]
    assert results['img_shape'] == (64, 64) and 'video_reader' not in results
    results['imgs'][0][:] = 0
    assert read_index(results['imgs'][2]) == 3


def test_damaged_clip_is_named(tmp_path):
    path = make_clip(tmp_path / 'track_0.tar')
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DataError, match=r'track_0\.tar.*truncated'):
        OpenVideo()({'filename': str(path)})


@pytest.mark.parametrize(
    ('content', 'error', 'message'),
    [
        (None, DataNotFoundError, 'no video file'),
        (b'', DataError, '0 bytes'),
        (b'no video' * 100, DataError, 'cannot be opened'),
    ],
)
def test_unusable_file_is_named(tmp_path, content, error, message):
    path = tmp_path / 'a.mp4'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        OpenVideo()({'filename': str(path)})
    assert str(path) in str(caught.value)


def test_truncated_file_is_rejected_on_opening(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r'a\.mp4.* truncated: it has \d+ of'):
        OpenVideo()({'filename': str(path)})


def test_damaged_frame_data_are_found_on_decoding(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=60)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r'a\.mp4.* cannot be decoded.*damaged'):
        decode(path, [20, 30, 40, 50])


def test_unexpected_number_of_frames_is_rejected(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=12)
    with pytest.raises(DataError, match=r'a\.mp4.* 12 frames.* 13'):
        OpenVideo()({'filename': str(path), 'total_frames': 13})


def damage_folder(folder, name, content):
    path = make_frame_folder(folder, num_frames=3) / name
    path.unlink() if content is None else path.write_bytes(content)
    return {
        'frame_dir': str(folder),
        'filename_tmpl': '{:04d}.png',
        'total_frames': 3,
        'frame_inds': np.arange(3),
    }


OTHER_SIZE = cv2.imencode('.png', np.zeros((32, 48, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    ('content', 'error', 'message'),
    [
        (None, DataNotFoundError, ''),
        (b'', DataError, 'empty'),
        (OTHER_SIZE, DataError, '48 x 32 pixels, .* 64 x 64'),
    ],
)
def test_unusable_frame_is_named(tmp_path, content, error, message):
    item = damage_folder(tmp_path / 'a', '0002.png', content)
    with pytest.raises(error, match=rf'0002\.png.*{message}'):
        DecodeFrames()(item)


@pytest.mark.parametrize('kind', ['clip', 'folder'])
def test_frames_read_each_are_those_of_one_array(tmp_path, kind):
    if kind == 'clip':
        reader = open_reader({'filename': str(make_clip(tmp_path / 'a.tar'))})
    else:
        folder = make_frame_folder(tmp_path / 'a')
        place = {'frame_dir': str(folder), 'filename_tmpl': '{:04d}.png'}
        reader = open_reader({**place, 'total_frames': 12})
    wanted = np.array([7, 2, 7])
    each = list(reader.read_each(wanted))
    np.testing.assert_array_equal(np.stack(each), reader.read(wanted))
    assert [read_index(frame) for frame in each] == [7, 2, 7]
    assert not np.shares_memory(each[0], each[2])


CROP = dict(type='CropFace', margin_ratio=(0.8, 1.2), box='frame')
RESIZE = dict(type='Resize', scale=(24, 24), keep_ratio=False)
FLIP = dict(type='Flip', flip_ratio=1.0)


@pytest.mark.parametrize('kind', ['clip', 'folder', 'video'])
@pytest.mark.parametrize('after', [[RESIZE, FLIP], [CROP, RESIZE, FLIP]])
def test_frames_passed_on_one_by_one_give_the_same(tmp_path, kind, after):
    item = {'modality': 'RGB', 'frame_inds': np.array([7, 2, 7, 3])}
    item |= {'num_clips': 2, 'clip_len': 2}
    item['face_boxes'] = np.arange(12)[:, None] + np.array([8.0, 10, 30, 40])
    if kind == 'folder':
        item['frame_dir'] = str(make_frame_folder(tmp_path / 'a'))
        item |= {'filename_tmpl': '{:04d}.png', 'total_frames': 12}
    else:
        make = make_clip if kind == 'clip' else make_video
        item['filename'] = str(
            make(tmp_path / f'a.{"tar" if kind == "clip" else "mp4"}')
        )
    results = []
    for streams in (False, True):
        pipeline = Compose([dict(type='OpenVideo'), dict(type='DecodeFrames'), *after])
        if streams:
            stream_frames(pipeline.transforms)
            assert pipeline.transforms[1].streams
        np.random.seed(0)
        results.append(pipeline(dict(item)))
    plain, streamed = results
    np.testing.assert_array_equal(np.stack(streamed['imgs']), np.stack(plain['imgs']))
    for key in ('img_shape', 'original_shape', 'scale_factor'):
        np.testing.assert_array_equal(streamed[key], plain[key])


@pytest.mark.parametrize('after', [[FLIP, RESIZE], [CROP, FLIP], [CROP]])
def test_only_resize_reads_frames_one_by_one(after):
    pipeline = Compose([dict(type='DecodeFrames'), *after])
    stream_frames(pipeline.transforms)
    assert not pipeline.transforms[0].streams


def test_reader_of_another_step_is_refused_with_the_way_to_go():
    # As MMAction2's inferencer puts one before ours.
    with pytest.raises(ConfigError, match='load_detector'):
        OpenVideo().transform({'filename': 'a.mp4', 'video_reader': object()})
