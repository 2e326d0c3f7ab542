import pytest
from builders import keys_of, make_clip
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
    """Write clips of some lengths, with or without landmarks, real and fake in turn.

    Video '1' has two equal tracks.
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
    assert Needs.of_pipeline(dataset.pipeline.transforms) == Needs(
        6, files=('landmarks',)
    )
    assert Needs.of_pipeline([]) == Needs()


def test_all_suited_videos_are_used(tmp_path):
    dataset = build(make_set(tmp_path, MIXED[:3]), leave_out_unsuited=True)
    assert len(dataset) == 3
    assert dataset[0]['face_landmarks'].shape == (6, 68, 2)


def test_unsuited_videos_stop_the_run_with_their_share(tmp_path):
    root = make_set(tmp_path, MIXED)
    with pytest.raises(DataError) as caught:
        build(root)
    message = str(caught.value)
    for part in (
        '3 of 6 videos in',
        '(2 too short, 1 no landmarks), a share of 0.5000',
        '4.tar: too short: 5 frames, a snippet needs 6',
        '3.tar: no landmarks: ',
        'leave_out_unsuited=True to continue with the other 50.0%',
    ):
        assert part in message


def test_unsuited_videos_are_skipped_and_counted_on_request(tmp_path, log_lines):
    dataset = build(make_set(tmp_path, MIXED), leave_out_unsuited=True)
    assert sorted(key.name for key in keys_of(dataset)) == ['0', '1', '2']
    logged = next(line for line in log_lines if 'cannot be used' in line)
    assert '(2 too short, 1 no landmarks), a share of 0.5000' in logged
    assert '50.0% of the videos are left' in logged
    assert LEFT_OUT_VIDEOS not in dataset.metainfo


@pytest.mark.parametrize('tracks', ['main', 'all'])
def test_test_sets_list_what_they_skip(tmp_path, tracks):
    root = make_set(tmp_path, MIXED, split='test')
    dataset = build(
        root, split='test', test_mode=True, leave_out_unsuited=True, tracks=tracks
    )
    left_out = {key.name: kind for key, kind in dataset.metainfo[LEFT_OUT_VIDEOS]}
    assert left_out == {'3': 'no landmarks', '4': 'too short', '5': 'too short'}


@pytest.mark.parametrize('leave_out_unsuited', [False, True])
def test_a_set_without_landmarks_is_always_rejected(tmp_path, leave_out_unsuited):
    root = make_set(tmp_path, [(8, False), (8, False)])
    with pytest.raises(DataError, match=r'2 of 2 videos .*\(2 no landm') as caught:
        build(root, leave_out_unsuited=leave_out_unsuited)
    advice = 'leave_out_unsuited=True to continue'
    assert advice not in str(caught.value)


def test_damaged_files_are_not_skipped_as_unsuited(tmp_path):
    root = make_set(tmp_path, MIXED)
    (root / '0.tar').write_bytes(b'')
    with pytest.raises(DataError, match=r'1 of 3 videos .* \(1 empty\)'):
        build(root, leave_out_unsuited=True)


def test_videos_skipped_by_max_unusable_share_are_listed_too(tmp_path):
    root = make_set(tmp_path, MIXED[:3], split='test')
    (root / '0.tar').write_bytes(b'')
    dataset = build(root, split='test', test_mode=True, max_unusable_share=0.5)
    assert [kind for _, kind in dataset.metainfo[LEFT_OUT_VIDEOS]] == ['empty']
