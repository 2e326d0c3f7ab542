import numpy as np
import pytest
from config_reading import list_configs, read_config
from pseudo_fake_builders import draw_clip, make_faces, make_pipeline

from mmdeepfake.commands.scoring import validation_set
from mmdeepfake.datasets import PseudoFakeDataset
from mmdeepfake.engine.seeded_batches import seed_generators
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.inference.config_pipeline import ConfigPipeline, KeptFrames

KINDS = [
    dict(type='SelfBlend'),
    dict(type='LipSync'),
    dict(type='SwapFace'),
    dict(type='AnimatePortrait'),
    dict(type='Resynthesise'),
]
BLENDS = KINDS[:1]


def build(root, kinds=BLENDS, *, after=(), split='train', **arguments):
    pipeline = make_pipeline(kinds, after=after)
    return PseudoFakeDataset(str(root), split, pipeline, **arguments)


def describe(dataset):
    items = map(dataset.get_data_info, range(len(dataset)))
    return [(item['method'], item['video_name']) for item in items]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Three real videos and two fakes to train on, and one real to validate."""
    folder = make_faces(tmp_path_factory.mktemp('faces'))
    make_faces(folder, ('a', 'x'), method='FaceSwap')
    return make_faces(folder, ('v',), split='val')


def test_every_real_video_stands_before_its_pseudo_fake(root):
    expected = [
        pair for name in 'abc' for pair in (('real', name), ('PseudoFake', name))
    ]
    assert describe(build(root)) == expected
    assert describe(build(root, repeats=2)) == 2 * expected


def test_own_fakes_stand_beside_their_originals_after_the_other_pairs(root):
    dataset = build(root, repeats=2, own_fake_share=0.25)
    assert describe(dataset)[:12] == describe(build(root, repeats=2))
    # There is no real video 'x'.
    assert describe(dataset)[12:] == [
        *(('real', 'a'), ('FaceSwap', 'a')),
        *(('real', 'b'), ('FaceSwap', 'x')),
    ]


def test_tests_show_the_listed_videos_and_each_kind_of_every_real_one(root):
    dataset = build(root, KINDS[:2], test_mode=True)
    pseudo = [(kind, name) for name in 'abc' for kind in ('SelfBlend', 'LipSync')]
    assert describe(dataset)[5:] == pseudo
    assert [method for method, _ in describe(dataset)[:5]].count('FaceSwap') == 2


@pytest.mark.parametrize('kind', KINDS, ids=lambda kind: kind['type'])
def test_pair_shares_its_snippets_and_later_draws(root, kind):
    dataset = build(root, [kind], after=[dict(type='DegradeClip', h264=1)])
    pair, states = [], []
    for index in (2, 3):
        seed_generators(0, 1)
        pair.append(dataset[index])
        states.append(np.random.random())
    real, fake = pair
    assert (real['label'], fake['label']) == (0, 1)
    assert fake['video_key'].label == 1
    np.testing.assert_array_equal(real['frame_inds'], fake['frame_inds'])
    assert states[0] == states[1]
    masks = fake['forgery_masks']
    assert (
        masks.shape == (8, 96, 96) and masks.max() > 0.4 and 'forgery_masks' not in real
    )
    assert 0 <= masks.min() and masks.max() <= 1
    assert any((a != b).any() for a, b in zip(real['imgs'], fake['imgs'], strict=True))


def test_pseudo_fakes_of_a_test_are_always_the_same(root):
    dataset = build(root, KINDS, test_mode=True)
    for index in range(5, 10):
        item = dataset.get_data_info(index)
        found = []
        for seed in (0, 7):
            np.random.seed(0)  # the snippets of a random sampler
            results = dict(item)
            for step in dataset.pipeline.transforms[:-1]:
                results = step(results)
            np.random.seed(seed)
            found.append(dataset.pipeline.transforms[-1](results)['imgs'])
        np.testing.assert_array_equal(*found)


def test_kinds_are_drawn_by_weight(root):
    kinds = [dict(type='SelfBlend', weight=3), dict(type='Resynthesise')]
    maker = build(root, kinds).pipeline.transforms[-1]
    np.testing.assert_allclose(maker.shares, [0.75, 0.25])
    assert maker.names == ['SelfBlend', 'Resynthesise']


@pytest.mark.parametrize(
    ('kinds', 'message'),
    [
        ([], 'kinds is empty'),
        ([dict(type='SelfBlend', weight=0)], r'weight = \[0\.0\]'),
        ([dict(type='OpenVideo')], "'OpenVideo' is not a kind"),
    ],
)
def test_invalid_kinds_are_refused(root, kinds, message):
    with pytest.raises(ConfigError, match=message):
        build(root, kinds)


def test_swap_needs_two_persons(tmp_path):
    root = make_faces(tmp_path, identities=('anna',))
    with pytest.raises(DataError, match=r'SwapFace .* all 3 real videos show one'):
        build(root, KINDS)
    assert len(build(root, BLENDS)) == 6


def test_swap_takes_another_person(tmp_path):
    make_faces(tmp_path, ('a', 'b'), identities=('anna',))
    make_faces(tmp_path, ('c',), identities=('carl',))
    donors = (
        build(tmp_path, [dict(type='SwapFace')]).pipeline.transforms[-1].kinds[0].donors
    )
    assert donors._others(frozenset({'anna'})) == [2]
    assert donors._others(frozenset({'carl'})) == [0, 1]


def test_videos_without_points_are_counted_and_named(tmp_path):
    make_faces(tmp_path, ('a',))
    make_faces(tmp_path, ('b', 'c'), has_points=False)
    with pytest.raises(DataError, match=r'2 of 3 real videos have no face points.*/b'):
        build(tmp_path)


def test_video_too_short_for_a_kind_is_found_before_the_run(tmp_path):
    root = make_faces(tmp_path, num_frames=8)
    with pytest.raises(DataError, match=r'8 frames, .* needs 16'):
        build(root, KINDS)
    assert len(build(root, BLENDS)) == 6


def test_fakes_alone_are_refused(tmp_path):
    root = make_faces(tmp_path, method='FaceSwap')
    with pytest.raises(DataNotFoundError, match='no real videos'):
        build(root)


def test_missing_own_fakes_are_refused(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'own_fake_share=0\.5'):
        build(make_faces(tmp_path), own_fake_share=0.5)


@pytest.mark.parametrize(
    'arguments',
    [dict(repeats=0), dict(own_fake_share=1.0), dict(real_fake_balance='repeat_real')],
)
def test_invalid_argument_of_pairs_is_refused(root, arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        build(root, **arguments)


@pytest.mark.parametrize('name', list_configs('pseudo_fake/*.py'))
def test_validation_read_by_the_test_pipeline_keeps_its_pseudo_fakes(name):
    dataset = validation_set(read_config(name)).dataset
    types = [step['type'] for step in dataset['pipeline']]
    assert dataset['type'] == 'PseudoFakeDataset'
    assert types.count('MakePseudoFake') == 1 and 'DegradeClip' not in types


def test_inference_takes_frames_as_they_are():
    """Its videos are not marked, so the test pipeline's forging step does nothing."""
    pipeline = ConfigPipeline(read_config('pseudo_fake/ratf_csa_r18_pseudo_fake.py'))
    assert pipeline.needs_faces
    frames, points = draw_clip(16)
    boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    reader = KeptFrames(dict(enumerate(frames)), lambda frame: frame, len(frames))
    found = pipeline.pack(reader, np.arange(len(frames)), boxes)
    assert found.inputs.shape == (16, 3, 128, 128)
