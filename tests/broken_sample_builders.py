"""A tiny set of face clips, some of which cannot be read though their headers can."""

from pathlib import Path

from builders import make_clip

from mmdeepfake.prepare import ManifestWriter
from mmdeepfake.structures import VideoKey, VideoRecord

NUM_FRAMES = 6
# The middle of 6 frames, which a centred snippet of 4 shows.
SHOWN_FRAME = 2


def make_clips(root, *, num_pairs=4, splits=('train', 'val', 'test'), broken=()):
    """Write `num_pairs` real and fake clips a split, and their manifest.

    Args:
        root: the set's folder.
        num_pairs: real and fake videos of each split.
        splits: which splits there are.
        broken: (split, number) of the videos to damage, even numbers real, odd fake.

    Returns:
        (split, number) -> the record of each video.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    records = {}
    with ManifestWriter(root / 'manifest.jsonl') as manifest:
        for split in splits:
            for number in range(2 * num_pairs):
                records[split, number] = record = make_record(split, number)
                make_clip(root / record.path, NUM_FRAMES, size=(16, 16))
                manifest.append(record)
    for one in broken:
        damage_frame(root / records[one].path)
    return records


def make_record(split, number):
    method = 'Swap' if number % 2 else 'real'
    name = f'{split}{number // 2}'
    key = VideoKey('clips', number % 2, method, 'c0', name)
    return VideoRecord(
        key, f'{split}/{method}_{name}.tar', split, (name,), num_frames=NUM_FRAMES
    )


def damage_frame(path, frame=SHOWN_FRAME):
    """Turn bytes of one frame round; the index, and the frames beside it, stay."""
    content = bytearray(Path(path).read_bytes())
    start = content.index(f'{frame:06d}.png'.encode()) + 512 + 40
    for place in range(start, start + 20):
        content[place] ^= 0xFF
    Path(path).write_bytes(content)
