"""Contact sheets of pseudo-fakes."""

from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from mmengine.registry import init_default_scope
from numpy.typing import NDArray

from mmdeepfake.datasets.pseudo_fakes import MakePseudoFake, PseudoFakeDataset
from mmdeepfake.datasets.pseudo_fakes.pseudo_fake import FORGE
from mmdeepfake.datasets.video_item import read_face_boxes
from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.files.image_file import replace_image
from mmdeepfake.registry import DATASETS

NUM_SHOWN = 4  # frames of a pseudo-fake
_DIFFERENCE_GAIN = 4


def run_sheets(args: argparse.Namespace) -> None:
    """Write the sheets of a config and print their paths."""
    cfg = load_config(args.config, cfg_options=args.cfg_options)
    init_default_scope('mmaction')
    for path in write_sheets(
        cfg, args.out, split=args.split, num_videos=args.num_videos
    ):
        print(path)


def write_sheets(
    cfg: Mapping, folder: str | os.PathLike[str], *, split: str, num_videos: int
) -> list[Path]:
    """Write one sheet for every kind of pseudo-fake of a config's validation.

    A row is a video: a real frame, the first frames of its pseudo-fake, then the mask
    and the difference of the first, enlarged fourfold.

    Args:
        cfg: a config whose val_dataloader reads a `PseudoFakeDataset`.
        folder: where to write <kind>.jpg.
        split: whose videos to show.
        num_videos: rows of a sheet; the videos are spread evenly over the split.

    Returns:
        The files.
    """
    settings = copy.deepcopy(cfg['val_dataloader']['dataset'])
    if settings['type'] != 'PseudoFakeDataset':
        raise ConfigError(
            f'val_dataloader.dataset.type = {settings["type"]!r}; the sheets show '
            "those of a 'PseudoFakeDataset', see configs/pseudo_fake"
        )
    types = [step['type'] for step in settings['pipeline']]
    settings['pipeline'] = settings['pipeline'][: types.index('MakePseudoFake') + 1]
    dataset = DATASETS.build({**settings, 'split': split})
    assert isinstance(dataset, PseudoFakeDataset)
    (maker,) = (t for t in dataset.pipeline.transforms if type(t) is MakePseudoFake)
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    written = []
    for place, name in enumerate(maker.names):
        chosen = [i for i, item in enumerate(items) if item.get(FORGE) == place]
        step = max(1, len(chosen) // num_videos)
        rows = [_make_row(dataset, i) for i in chosen[::step][:num_videos]]
        path = Path(folder, f'{name}.jpg')
        replace_image(path, np.concatenate(rows))
        written.append(path)
    return written


def _make_row(dataset: PseudoFakeDataset, index: int) -> NDArray[np.uint8]:
    """Return the row of a pseudo-fake: (H, W, 3) uint8."""
    item = dataset.get_data_info(index)
    item['face_boxes'] = read_face_boxes(item)
    real = dataset.pipeline({**item, FORGE: None})['imgs']
    forged = dataset.pipeline(dict(item))
    mask = cv2.cvtColor(np.uint8(255 * forged['forgery_masks'][0]), cv2.COLOR_GRAY2RGB)
    difference = cv2.absdiff(forged['imgs'][0], real[0])
    shown = [
        real[0],
        *forged['imgs'][:NUM_SHOWN],
        mask,
        cv2.convertScaleAbs(difference, alpha=_DIFFERENCE_GAIN),
    ]
    return np.concatenate(shown, axis=1)
