import pytest
from builders import make_clip
from landmark_builders import draw_landmarks, write_landmarks

from mmdeepfake.datasets import DeepfakeDataset
from mmdeepfake.datasets.pipeline_needs import Needs
from mmdeepfake.errors import DataError
from mmdeepfake.structures import VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter
from mmdeepfake.structures.video_record import LEFT_OUT_VIDEOS

PIPELINE = [
    dict(type='OpenVideo'),
    dict(type='SampleSnippets', num_snippets=1, clip_len=6),
    dict(type='DecodeFrames'),
    dict(type='LoadFaceLandmarks'),
]


def make_set(root, lengths_and_points, split='train'):
    """Clips of some lengths, with or without landmarks, the first real, then by turns.

    The video with the name '1' has two tracks, the second of them as the first.
    """
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for number, (num_frames, has_points) in enumerate(lengths_and_points):
            make_clip(root / f'{number}', num_frames=num_frames, size=(16, 16))
            if has_points:
                points = draw_landmarks(num_frames, side=16)
                write_landmarks(root / f'{number}.npz', points)
            label = number % 2
            key = VideoKey('A', label, ('real', 'FaceSwap')[label], 'c40', f'{number}')
            for track in range(1 + (number == 1)):
                manifest.append(
                    VideoRecord(
                        key,
                        f'{number}.tar',
                        split,
                        identities=(f'{number}',),
                        num_frames=num_frames,
                        landmarks=f'{number}.npz' if has_points else None,
                        track=track,
                    )
                )
    return root


def build(root, pipeline=PIPELINE, split='train', **arguments):
    return DeepfakeDataset(str(root), split, pipeline, **arguments)


MIXED = [(8, True), (8, True), (8, True), (8, False), (5, True), (5, True)]


def test_needs_are_gathered_from_the_steps(tmp_path):
    dataset = build(make_set(tmp_path, MIXED[:2]))
    assert Needs.of_pipeline(dataset.pipeline.transforms) == Needs(6, ('landmarks',))
    assert Needs.of_pipeline([]) == Needs(1, ())


def test_all_of_a_suited_set_is_used(tmp_path):
    dataset = build(make_set(tmp_path, MIXED[:3]), leave_out_unsuited=True)
    assert len(dataset) == 3
    assert dataset[0]['face_landmarks'].shape == (6, 68, 2)


def test_unsuited_videos_stop_the_run_with_their_share(tmp_path):
    root = make_set(tmp_path, MIXED)
    with pytest.raises(DataError) as caught:
        build(root)
    message = str(caught.value)
    assert '3 of 6 videos in' in message
    assert 'cannot be used (2 too short, 1 no landmarks), a share of 0.5000' in message
    assert '4.tar: too short: 5 frames, 6 make one snippet' in message
    assert '3.tar: no landmarks: prepare the faces with tools/prepare.py' in message
    assert 'set leave_out_unsuited=True to go on with the other 50.0%' in message


def test_unsuited_videos_are_left_out_and_counted_where_asked(tmp_path, log_lines):
    dataset = build(make_set(tmp_path, MIXED), leave_out_unsuited=True)
    names = [dataset.get_data_info(i)['video_name'] for i in range(len(dataset))]
    assert sorted(names) == ['0', '1', '2']
    told = next(line for line in log_lines if 'cannot be used' in line)
    assert '(2 too short, 1 no landmarks), a share of 0.5000' in told
    assert 'The pipeline can use 50.0% of the videos.' in told
    assert LEFT_OUT_VIDEOS not in dataset.metainfo


@pytest.mark.parametrize('tracks', ['main', 'all'])
def test_test_sets_name_what_they_left_out(tmp_path, tracks):
    root = make_set(tmp_path, MIXED, split='test')
    dataset = build(
        root, split='test', test_mode=True, leave_out_unsuited=True, tracks=tracks
    )
    left_out = [(key.name, kind) for key, kind in dataset.metainfo[LEFT_OUT_VIDEOS]]
    assert sorted(left_out) == [
        ('3', 'no landmarks'),
        ('4', 'too short'),
        ('5', 'too short'),
    ]


def test_a_set_without_landmarks_is_refused_in_any_case(tmp_path):
    root = make_set(tmp_path, [(8, False), (8, False)])
    for arguments, end in (
        ({}, 'Give them what they lack'),
        ({'leave_out_unsuited': True}, 'No real and no fake videos are left'),
    ):
        with pytest.raises(DataError, match=r'2 of 2 videos .*\(2 no landm') as caught:
            build(root, **arguments)
        assert end in str(caught.value)
        assert 'leave_out_unsuited' not in str(caught.value)


def test_damaged_files_are_not_left_out_as_unsuited(tmp_path):
    root = make_set(tmp_path, MIXED)
    (root / '0.tar').write_bytes(b'')
    with pytest.raises(DataError, match=r'1 of 3 videos .* \(1 empty\)'):
        build(root, leave_out_unsuited=True)


def test_what_max_unusable_share_left_out_is_named_as_well(tmp_path):
    root = make_set(tmp_path, MIXED[:3], split='test')
    (root / '0.tar').write_bytes(b'')
    dataset = build(root, split='test', test_mode=True, max_unusable_share=0.5)
    assert [kind for _, kind in dataset.metainfo[LEFT_OUT_VIDEOS]] == ['empty']
