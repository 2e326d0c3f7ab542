from collections import Counter

import pytest
from builders import make_frame_folder, make_video
from mmengine import Config

from mmdeepfake.datasets import VideoFolder
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.registry import DATASETS


@pytest.fixture
def root(tmp_path):
    """Two splits with fakes of two methods, one without a name, and frame folders."""
    for split in ('train', 'val'):
        folder = tmp_path / 'my faces' / split
        make_video(folder / 'real/Ärger 1.mp4')
        make_frame_folder(folder / 'real/b')
        make_video(folder / 'real/youtube/c.mov')
        make_video(folder / 'fake/a.mp4')
        make_video(folder / 'fake/FaceSwap/a.mp4')
        make_frame_folder(folder / 'fake/FaceSwap/d', first=3)
    return tmp_path / 'my faces'


def build(root, split='train', **arguments):
    return VideoFolder(data_root=str(root), split=split, pipeline=[], **arguments)


def items(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_folders_give_label_method_and_name(root):
    listed = [tuple(item['video_key']) for item in items(build(root))]
    assert listed == [
        ('my faces', 0, 'real', 'as_is', 'b'),
        ('my faces', 0, 'real', 'as_is', 'youtube/c'),
        ('my faces', 0, 'real', 'as_is', 'Ärger 1'),
        ('my faces', 1, 'FaceSwap', 'as_is', 'a'),
        ('my faces', 1, 'FaceSwap', 'as_is', 'd'),
        ('my faces', 1, 'fake', 'as_is', 'a'),
    ]


def test_frame_folder_has_the_keys_of_mmaction2(root):
    item = items(build(root))[4]
    assert item['frame_dir'] == str(root / 'train/fake/FaceSwap/d')
    assert (item['filename_tmpl'], item['offset']) == ('{:04d}.png', 3)
    assert item['total_frames'] == 12
    assert 'filename' not in item


def test_methods_can_be_chosen(root):
    methods = Counter(item['method'] for item in items(build(root, methods='FaceSwap')))
    assert methods == {'real': 3, 'FaceSwap': 2}


def test_methods_that_are_not_there_are_told_with_those_that_are(root):
    message = (
        r"VideoFolder: methods=\['Deepfakes', 'FaceSwap'\]: Deepfakes not found in "
        r".*found are \['FaceSwap', 'fake'\]\. Set `methods` .* or to None"
    )
    with pytest.raises(ConfigError, match=message):
        build(root, methods=['Deepfakes', 'FaceSwap'])


def test_inherited_compression_is_refused(root):
    with pytest.raises(ConfigError, match=r"compression='c40'.*Set compression=None"):
        build(root, compression='LQ')


def test_missing_folder_is_told_with_the_layout(root):
    with pytest.raises(DataNotFoundError) as error:
        build(root, split='test')
    assert f"no folder '{root}/test/real'" in str(error.value)
    assert '<root>/{train,val,test}/{real,fake}/<name>.mp4' in str(error.value)


def test_empty_class_is_refused(root, tmp_path):
    (tmp_path / 'x/train/fake').mkdir(parents=True)
    make_video(tmp_path / 'x/train/real/a.mp4')
    with pytest.raises(DataNotFoundError, match="no fake videos of split 'train'"):
        build(tmp_path / 'x')


def test_empty_sub_folder_is_unusable_not_overlooked(root):
    (root / 'train/fake/Deepfakes').mkdir()
    with pytest.raises(DataError, match='fake/Deepfakes: no frames: folder without'):
        build(root)


def test_two_files_of_one_name_are_refused(root):
    make_video(root / 'train/fake/a.avi')
    with pytest.raises(
        DataError, match=r"'train/fake/a\.avi' and 'train/fake/a\.mp4' in"
    ):
        build(root)


def test_folder_of_videos_and_pictures_is_refused(root):
    make_video(root / 'train/fake/FaceSwap/d/e.mp4')
    with pytest.raises(DataError, match=r'FaceSwap/d.* holds videos and images'):
        build(root)


def test_method_called_real_is_refused(root):
    make_video(root / 'train/fake/real/e.mp4')
    with pytest.raises(DataError, match="'real' is not allowed"):
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
