import numpy as np

from mmdeepfake.miniff import MiniFFSettings
from mmdeepfake.miniff.cast import list_clips, pair_clips, perform
from mmdeepfake.miniff.settings import SPLITS

SETTINGS = MiniFFSettings(num_identities=(6, 4, 2), clips_per_identity=3, num_frames=4)


def test_clip_ids_are_three_digits_and_unique():
    ids = [clip.clip_id for clip in list_clips(SETTINGS)]
    assert ids == [f'{number:03d}' for number in range(36)]


def test_no_person_is_in_two_splits():
    persons = {
        split: {c.person_id for c in list_clips(SETTINGS) if c.split == split}
        for split in SPLITS
    }
    assert [len(persons[split]) for split in SPLITS] == [6, 4, 2]
    assert not persons['train'] & persons['val']
    assert not persons['train'] & persons['test']
    assert not persons['val'] & persons['test']


def test_pairs_use_each_clip_once_and_join_two_persons_of_a_split():
    pairs = pair_clips(SETTINGS)
    used = [clip.clip_id for both in pairs.values() for p in both for clip in p]
    assert sorted(used) == [clip.clip_id for clip in list_clips(SETTINGS)]
    for split, both in pairs.items():
        for first, second in both:
            assert first.split == second.split == split
            assert first.person_id != second.person_id


def test_a_person_looks_the_same_in_each_clip_but_moves_anew():
    clips = [c for c in list_clips(SETTINGS) if c.person_id == 'val_001']
    first, second, _ = (perform(SETTINGS, clip) for clip in clips)
    assert first.outer.texture_seed == second.outer.texture_seed
    assert first.inner.eye_x == second.inner.eye_x
    assert not np.allclose(first.pose['x'], second.pose['x'])
    assert first.scene.texture_seed != second.scene.texture_seed


def test_a_larger_train_split_leaves_the_test_split_as_it_is():
    larger = MiniFFSettings(num_identities=(8, 4, 2), num_frames=4)
    for small_clip in list_clips(SETTINGS):
        for clip in list_clips(larger):
            if clip.split == 'test' and clip.seed == small_clip.seed:
                was, is_now = perform(SETTINGS, small_clip), perform(larger, clip)
                np.testing.assert_array_equal(was.pose['x'], is_now.pose['x'])
                assert was.outer.texture_seed == is_now.outer.texture_seed


def test_another_seed_gives_other_persons():
    other = MiniFFSettings(seed=1, num_identities=(6, 4, 2), num_frames=4)
    clip = list_clips(SETTINGS)[0]
    skin = [perform(settings, clip).outer.skin for settings in (SETTINGS, other)]
    assert not np.allclose(*skin)
