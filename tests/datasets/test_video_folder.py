import shutil
from collections import Counter

import pytest
from builders import items_of, keys_of, make_frame_folder, make_video
from mmengine import Config

from mmdeepfake.datasets import VideoFolder
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.registry import DATASETS


@pytest.fixture(scope='module')
def original(tmp_path_factory):
    """A split with fakes of two methods, one without a name, and frame folders."""
    root = tmp_path_factory.mktemp('folder') / 'my faces'
    folder = root / 'train'
    make_video(folder / 'real/Ärger 1.mp4')
    make_frame_folder(folder / 'real/b')
    make_video(folder / 'real/youtube/c.mov')
    make_video(folder / 'fake/a.mp4')
    make_video(folder / 'fake/FaceSwap/a.mp4')
    make_frame_folder(folder / 'fake/FaceSwap/d', first=3)
    return root


@pytest.fixture
def root(original, tmp_path):
    return shutil.copytree(original, tmp_path / 'my faces')


def build(root, split='train', **arguments):
    return VideoFolder(data_root=str(root), split=split, pipeline=[], **arguments)


def test_folders_give_label_method_and_name(root):
    assert [tuple(key) for key in keys_of(build(root))] == [
        ('my faces', 0, 'real', 'as_is', 'b'),
        ('my faces', 0, 'real', 'as_is', 'youtube/c'),
        ('my faces', 0, 'real', 'as_is', 'Ärger 1'),
        ('my faces', 1, 'FaceSwap', 'as_is', 'a'),
        ('my faces', 1, 'FaceSwap', 'as_is', 'd'),
        ('my faces', 1, 'fake', 'as_is', 'a'),
    ]


def test_frame_folder_has_the_keys_of_mmaction2(root):
    item = items_of(build(root))[4]
    assert item['frame_dir'] == str(root / 'train/fake/FaceSwap/d')
    assert (item['filename_tmpl'], item['offset']) == ('{:04d}.png', 3)
    assert item['total_frames'] == 12
    assert 'filename' not in item


def test_methods_can_be_chosen(root):
    methods = Counter(
        item['method'] for item in items_of(build(root, methods='FaceSwap'))
    )
    assert methods == {'real': 3, 'FaceSwap': 2}


@pytest.mark.parametrize(
    ('arguments', 'error', 'expected'),
    [
        (
            dict(methods=['Deepfakes', 'FaceSwap']),
            ConfigError,
            r"Deepfakes not found .*\['FaceSwap', 'fake'\]",
        ),
        (dict(compression='LQ'), ConfigError, "compression='c40'"),
        (dict(split='test'), DataNotFoundError, r"/test/real'(.*\n)*.*<root>/{train,"),
    ],
)
def test_missing_parts_are_named(original, arguments, error, expected):
    with pytest.raises(error, match=expected):
        build(original, **arguments)


def test_empty_class_is_rejected(tmp_path):
    (tmp_path / 'x/train/fake').mkdir(parents=True)
    make_video(tmp_path / 'x/train/real/a.mp4')
    with pytest.raises(DataNotFoundError, match="'train': no fake videos"):
        build(tmp_path / 'x')


@pytest.mark.parametrize(
    ('extra', 'message'),
    [
        ('fake/Deepfakes/', 'fake/Deepfakes: no frames'),  # not overlooked
        ('fake/a.avi', r"'train/fake/a\.avi' and 'train/fake/a\.mp4'"),
        ('fake/FaceSwap/d/e.mp4', 'FaceSwap/d.* holds videos and'),
        ('fake/real/e.mp4', "'real' is not allowed"),
    ],
)
def test_ambiguous_folders_are_rejected(root, extra, message):
    path = root / 'train' / extra
    path.mkdir() if extra.endswith('/') else make_video(path, num_frames=1)
    with pytest.raises(DataError, match=message):
        build(root)


def test_config_for_faceforensics_takes_another_folder_by_inheritance(root, tmp_path):
    (tmp_path / 'base.py').write_text(
        "dataset = dict(type='FaceForensics', data_root='data/ffpp', split='train',\n"
        "    methods=['Deepfakes', 'FaceSwap'], compression='c40', pipeline=[],\n"
        "    real_fake_balance='repeat_real')\n"
        'train_dataloader = dict(batch_size=2, dataset=dataset)\n'
    )
    (tmp_path / 'leaf.py').write_text(
        "_base_ = 'base.py'\n"
        f"own = dict(type='VideoFolder', data_root={str(root)!r}, methods=None,\n"
        '    compression=None)\n'
        'train_dataloader = dict(dataset=own)\n'
    )
    config = Config.fromfile(tmp_path / 'leaf.py')
    dataset = DATASETS.build(config.train_dataloader.dataset)
    assert type(dataset) is VideoFolder
    assert len(dataset) == 6
