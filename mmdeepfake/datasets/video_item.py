"""Items of a dataset: the dicts that enter the pipeline."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mmdeepfake.errors import DataError
from mmdeepfake.structures import FaceTrack, VideoRecord

from .file_check import FileReport


def make_item(root: Path, record: VideoRecord, report: FileReport) -> dict:
    """Build the item of a video; keys as in `DeepfakeDataset`."""
    filename = os.path.join(root, record.path)
    key = record.key
    item = dict(
        label=key.label,
        video_key=key,
        track=record.track,
        dataset=key.dataset,
        method=key.method,
        compression=key.compression,
        video_name=key.name,
        identities=record.identities,
        **{
            name: None if path is None else os.path.join(root, path)
            for name, path in (
                ('mask', record.mask),
                ('landmarks', record.landmarks),
                ('track_file', record.track_file),
            )
        },
    )
    if report.filename_tmpl is None:
        item['filename'] = filename
    else:
        item['frame_dir'] = filename
        item['filename_tmpl'] = report.filename_tmpl
        item['offset'] = report.offset
    known = dict(
        total_frames=report.num_frames or record.num_frames,
        fps=record.fps or report.fps,
        face_boxes=np.array(record.boxes, np.float32) if record.boxes else None,
    )
    item.update((name, value) for name, value in known.items() if value is not None)
    return item


def read_face_boxes(item: dict) -> np.ndarray:
    """Read the boxes of an item's track file: (F, 4) float32 pixels of its frames.

    Raises:
        DataNotFoundError, DataError: see `FaceTrack.load`.
        DataError: the length differs from that of the video.
    """
    boxes = FaceTrack.load(item['track_file']).boxes_in_clip()
    num_frames = item.get('total_frames')
    if num_frames is not None and num_frames != len(boxes):
        raise DataError(
            f'face track {item["track_file"]!r} has boxes for {len(boxes)} frames, '
            f'video {item["video_key"]} has {num_frames}; prepare this video again'
        )
    return boxes
