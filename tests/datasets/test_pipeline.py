import numpy as np
import pytest
from builders import make_frame_folder, make_video, read_index
from mmengine.dataset import Compose
from mmengine.runner import Runner

import mmdeepfake.datasets
from mmdeepfake.structures import VideoKey

SAMPLER = dict(type='SampleSnippets', num_snippets=3, clip_len=2, position='centred')


def run(steps, source, **results):
    pipeline = Compose([*steps, dict(type='FormatShape', input_format='NCHW')])
    source = {'modality': 'RGB', 'start_index': 0, **source}
    return pipeline({**source, **results})


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    """One video as a file and as a folder of frames."""
    root = tmp_path_factory.mktemp('pipeline')
    folder = {
        'frame_dir': str(make_frame_folder(root / 'a', 14, first=5)),
        'filename_tmpl': '{:04d}.png',
        'offset': 5,
        'total_frames': 14,
    }
    video = {'filename': str(make_video(root / 'a.mp4', num_frames=14))}
    return {'video': video, 'folder': folder}


@pytest.fixture
def video(sources):
    return sources['video']


OURS = [dict(type='OpenVideo'), SAMPLER, dict(type='DecodeFrames')]
STOCK = [dict(type='DecordInit'), SAMPLER, dict(type='DecordDecode')]
STOCK_FRAMES = [SAMPLER, dict(type='RawFrameDecode')]


@pytest.mark.parametrize(
    ('steps', 'source'),
    [(OURS, 'video'), (OURS, 'folder'), (STOCK, 'video'), (STOCK_FRAMES, 'folder')],
    ids=['ours-video', 'ours-folder', 'stock-video', 'stock-folder'],
)
def test_inputs_are_ordered_by_snippet_with_time_inside(steps, source, sources):
    results = run(steps, sources[source])
    inputs = results['imgs']  # (N * T, C, H, W)
    assert inputs.shape == (6, 3, 64, 64)
    assert inputs.dtype == np.uint8
    indices = [read_index(frame.transpose(1, 2, 0)) for frame in inputs]
    assert indices == results['frame_inds'].tolist() == [1, 2, 5, 6, 10, 11]


def test_stock_resize_keeps_dtype_and_frames(video):
    crop = dict(type='CropFace', centre_ratio=1.0)
    resize = dict(type='Resize', scale=(48, 48), keep_ratio=False)
    inputs = run([*OURS, crop, resize], video)['imgs']
    assert inputs.shape == (6, 3, 48, 48)
    assert inputs.dtype == np.uint8
    indices = [read_index(frame.transpose(1, 2, 0)) for frame in inputs]
    assert indices == [1, 2, 5, 6, 10, 11]


def test_crop_follows_the_boxes_of_a_video(video):
    boxes = np.array([[16, 16, 48, 48]], np.float32)
    crop = dict(type='CropFace', margin_ratio=1.0)
    whole = run(OURS, video)['imgs']
    cut = run([*OURS, crop], video, face_boxes=boxes)['imgs']
    np.testing.assert_array_equal(cut, whole[:, :, 16:48, 16:48])


def test_stock_flip_is_drawn_once_for_all_frames_of_a_video(video):
    plain = run(OURS, video)['imgs']
    crop = dict(type='CropFace')
    flip = dict(type='Flip', flip_ratio=0.5)
    draws = []
    for seed in range(12):
        np.random.seed(seed)
        results = run([*OURS, crop, flip], video)
        expected = plain[..., ::-1] if results['flip'] else plain
        np.testing.assert_array_equal(results['imgs'], expected)
        draws.append(results['flip'])
    assert {True, False} == set(draws)


def test_flip_of_repeated_frames_flips_each_once(tmp_path):
    path = make_video(tmp_path / 'a.mp4', num_frames=3)
    sampler = dict(SAMPLER, clip_len=4, short_video='repeat_last')
    steps = [dict(type='OpenVideo'), sampler, dict(type='DecodeFrames')]
    plain = run(steps, {'filename': str(path)})['imgs']
    flip = dict(type='Flip', flip_ratio=1.0)
    flipped = run([*steps, flip], {'filename': str(path)})['imgs']
    np.testing.assert_array_equal(flipped, plain[..., ::-1])


def make_loader(root, num_workers, seed=0, **arguments):
    pipeline = [
        dict(type='OpenVideo'),
        dict(SAMPLER, position='random'),
        dict(type='DecodeFrames'),
        dict(type='Flip', flip_ratio=0.5),
        dict(type='FormatShape', input_format='NCHW'),
        dict(
            type='PackActionInputs',
            meta_keys=('video_key', 'frame_inds', 'num_clips', 'clip_len'),
        ),
    ]
    dataset = mmdeepfake.datasets.FaceForensics(
        str(root), 'train', pipeline, compression='c40', check_files='stat'
    )
    return Runner.build_dataloader(
        dict(
            batch_size=4,
            num_workers=num_workers,
            dataset=dataset,
            sampler=dict(type='DefaultSampler', shuffle=True),
            collate_fn=dict(type='pseudo_collate'),
        ),
        seed=seed,
    )


def test_workers_return_keys_labels_and_the_snippets_of_the_seed(ffpp_root):
    drawn = []
    for _ in range(2):
        batches = make_loader(ffpp_root, 2)
        samples = [sample for batch in batches for sample in batch['data_samples']]
        assert len(samples) == 10
        for sample in samples:
            key = sample.metainfo['video_key']
            assert type(key) is VideoKey
            assert sample.gt_label.item() == key.label == int(key.method != 'real')
            assert (sample.num_clips, sample.clip_len) == (3, 2)
        drawn.append([(s.video_key, s.frame_inds.tolist()) for s in samples])
    assert drawn[0] == drawn[1]


def test_real_footage_comes_through(realff):
    dataset = mmdeepfake.datasets.FaceForensics(
        str(realff),
        'test',
        [
            dict(type='OpenVideo'),
            dict(type='SampleSnippets', num_snippets=8, clip_len=4, position='centred'),
            dict(type='DecodeFrames'),
            dict(type='CropFace', centre_ratio=0.8),
            dict(type='Resize', scale=(112, 112), keep_ratio=False),
            dict(type='FormatShape', input_format='NCHW'),
            dict(type='PackActionInputs', meta_keys=('video_key', 'crop_boxes')),
        ],
        methods=['FaceSwap'],
        compression='c23',
        test_mode=True,
        check_files='stat',
    )
    for index in (0, len(dataset) - 1):
        sample = dataset[index]
        assert sample['inputs'].shape == (32, 3, 112, 112)
        assert sample['inputs'].float().std() > 10  # a picture, not a blank
        assert sample['data_samples'].video_key.dataset == 'FaceForensics++'


@pytest.mark.parametrize('source', ['video', 'folder'])
def test_boxes_of_a_video_with_dropped_frames_are_those_of_the_others(source, sources):
    lower_rate = dict(type='CorruptVideo', name='frame_rate', level=3)
    crop = dict(type='CropFace', margin_ratio=1.0, box='frame')
    resize = dict(type='Resize', scale=(16, 16), keep_ratio=False)
    boxes = np.array([[i, 0, i + 16, 16] for i in range(14)], np.float32)
    results = run(
        [OURS[0], lower_rate, SAMPLER, OURS[2], crop, resize],
        sources[source],
        face_boxes=boxes,
        video_key=VideoKey('set', 0, 'real', 'c23', 'a'),
    )
    assert results['total_frames'] == 7
    shown = results['source_frames'][results['frame_inds']]
    assert np.diff(shown.reshape(3, 2)).tolist() == [[2], [2], [2]]
    np.testing.assert_array_equal(results['crop_boxes'][:, 0], shown)
