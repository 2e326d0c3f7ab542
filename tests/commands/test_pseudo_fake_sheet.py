import cv2
import pytest
from pseudo_fake_builders import SIDE, make_faces, make_pipeline

from mmdeepfake.commands.pseudo_fake_sheet import write_sheets
from mmdeepfake.errors import ConfigError


def make_config(root, **dataset):
    settings = dict(
        type='PseudoFakeDataset',
        data_root=str(root),
        split='val',
        test_mode=True,
        pipeline=make_pipeline(
            [dict(type='SelfBlend'), dict(type='SelfBlend')],
            after=[dict(type='DegradeClip', fixed=True)],
        ),
    )
    return dict(val_dataloader=dict(dataset={**settings, **dataset}))


def test_there_is_a_sheet_of_every_kind(tmp_path):
    root = make_faces(tmp_path / 'faces')
    written = write_sheets(
        make_config(root), tmp_path / 'out', split='train', num_videos=2
    )
    assert [path.name for path in written] == ['SelfBlend1.jpg', 'SelfBlend2.jpg']
    for path in written:
        assert cv2.imread(str(path)).shape == (2 * SIDE, 7 * SIDE, 3)


def test_config_without_pseudo_fakes_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="type = 'DeepfakeDataset'"):
        write_sheets(
            make_config(tmp_path, type='DeepfakeDataset'),
            tmp_path,
            split='val',
            num_videos=1,
        )
