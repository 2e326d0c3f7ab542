"""A tiny set of face clips, some of which cannot be read though their headers can."""

from pathlib import Path

import torch
from builders import make_frame
from mmengine.logging import MMLogger
from tool_runs import ROOT

from mmdeepfake.engine.build import build_runner, load_config
from mmdeepfake.structures import VideoKey, VideoRecord
from mmdeepfake.structures.manifest import ManifestWriter
from mmdeepfake.video.clip_storage import ClipWriter

CLIPS_CONFIG = ROOT / 'tests/stubs/clips_config.py'
NUM_FRAMES = 6
# The middle of 6 frames, which a centred snippet of 4 shows.
SHOWN_FRAME = 2


def make_clips(root, *, num_pairs=4, splits=('train', 'val', 'test'), broken=()):
    """Write `num_pairs` real and fake clips a split, and their manifest.

    Args:
        root: the set's folder.
        num_pairs: real and fake videos of each split.
        splits: which splits there are.
        broken: names of the fakes to damage, as 'train1'.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for split in splits:
            for number in range(2 * num_pairs):
                record = make_record(split, number)
                path = root / record.path
                path.parent.mkdir(exist_ok=True)
                with ClipWriter(path.with_suffix(''), 'png', fps=25.0) as writer:
                    for index in range(NUM_FRAMES):
                        writer.write(make_frame(number * 8 + index, (16, 16)))
                if record.key.label and record.key.name in broken:
                    damage_frame(path)
                manifest.append(record)
    return root


def make_record(split, number):
    """Even numbers are real videos, the next one is the fake of each."""
    method = 'Swap' if number % 2 else 'real'
    name = f'{split}{number // 2}'
    key = VideoKey('clips', number % 2, method, 'c0', name)
    return VideoRecord(
        key, f'{split}/{method}_{name}.tar', split, (name,), num_frames=NUM_FRAMES
    )


def fake_key(name):
    return VideoKey('clips', 1, 'Swap', 'c0', name)


def damage_frame(path, frame=SHOWN_FRAME):
    """Turn bytes of one frame round; the index, and the frames beside it, stay."""
    content = bytearray(Path(path).read_bytes())
    start = content.index(f'{frame:06d}.png'.encode()) + 512 + 40
    for place in range(start, start + 20):
        content[place] ^= 0xFF
    Path(path).write_bytes(content)


def skip(*loaders, share=0.3):
    """Options with which dataloaders skip broken videos."""
    return {
        f'{loader}_dataloader.dataset.{name}': value
        for loader in loaders
        for name, value in (('on_error', 'skip'), ('max_skipped_share', share))
    }


def make_runner(root, *, validate=False, **options):
    """Build a Runner on the clips; `__` in a name stands for a dot."""
    MMLogger._instance_dict.clear()
    options = {name.replace('__', '.'): value for name, value in options.items()}
    cfg = load_config(CLIPS_CONFIG, {'data_root': str(root), **options})
    cfg.work_dir = str(Path(root, 'run'))
    if not validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    torch.manual_seed(0)
    return build_runner(cfg)
