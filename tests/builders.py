"""Small files for tests, and what datasets list of them."""

import json
import shutil
from pathlib import Path

import av
import cv2
import numpy as np

from mmdeepfake.video.clip_storage import ClipWriter

CLASSIC_METHODS = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')
TINY_SPLITS = {
    'train': [('000', '001')],
    'val': [('002', '003')],
    'test': [('004', '005')],
}
_NUM_BITS = 8
_ENCODED = {}  # encoding takes long: arguments of `make_video` -> bytes


def make_frame(index, size=(64, 64)):
    """Draw (H, W, 3) uint8 noise with `index` written into its top as eight blocks."""
    width, height = size
    rng = np.random.default_rng(index)
    coarse = rng.integers(40, 120, (height // 8, width // 8, 3), dtype=np.uint8)
    frame = coarse.repeat(8, axis=0).repeat(8, axis=1)
    frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_NEAREST)
    block = width // _NUM_BITS
    for bit in range(_NUM_BITS):
        frame[:16, bit * block : (bit + 1) * block] = 255 * (index >> bit & 1)
    return frame


def read_index(frame):
    """Read back what `make_frame` wrote, after a lossy codec or a resize."""
    block = frame.shape[1] / _NUM_BITS
    top = frame[round(frame.shape[0] / 16) : round(frame.shape[0] * 3 / 16)].mean(
        (0, 2)
    )
    middles = [top[int((bit + 0.5) * block)] for bit in range(_NUM_BITS)]
    return sum(1 << bit for bit, value in enumerate(middles) if value > 128)


def make_video(path, num_frames=12, size=(64, 64), fps=25, gop=12, bframes=2):
    """Write an H.264 file, its index in front, of frames that show their number."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    key = (path.suffix, num_frames, tuple(size), fps, gop, bframes)
    if key in _ENCODED:
        path.write_bytes(_ENCODED[key])
        return path
    options = {'movflags': 'faststart'} if path.suffix == '.mp4' else {}
    with av.open(str(path), 'w', options=options) as container:
        stream = container.add_stream('libx264', rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        stream.options = {
            'crf': '23',
            'g': str(gop),
            'bf': str(bframes),
            'preset': 'veryfast',
            'threads': '1',
        }
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(make_frame(index, size), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    _ENCODED[key] = path.read_bytes()
    return path


def make_frame_folder(folder, num_frames=12, template='{:04d}.png', first=0):
    """Write a folder of numbered frames; frame i of the video shows i."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(num_frames):
        frame = cv2.cvtColor(make_frame(index), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / template.format(first + index)), frame)
    return folder


def make_clip(path, num_frames=12, size=(64, 64), fps=25.0):
    """Store a lossless face clip of frames that show their number."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with ClipWriter(path.with_suffix(''), 'png', fps=fps) as writer:
        for index in range(num_frames):
            writer.write(make_frame(index, size))
    return writer.path


def make_ffpp_tree(
    root,
    splits=TINY_SPLITS,
    methods=CLASSIC_METHODS,
    levels=('c40',),
    num_frames=12,
    masks=False,
):
    """Lay out FaceForensics++: the real videos and fakes of the splits' pairs."""
    root = Path(root)
    clip = make_video(root / 'clip.mp4', num_frames)
    pairs = [pair for split_pairs in splits.values() for pair in split_pairs]
    both = {*pairs, *((b, a) for a, b in pairs)}
    for level in levels:
        real = root / 'original_sequences/youtube' / level / 'videos'
        targets = [real / f'{i}.mp4' for i in {i for pair in pairs for i in pair}]
        for method in methods:
            base = root / 'manipulated_sequences' / method
            folders = [base / level / 'videos'] + [base / 'masks/videos'] * masks
            targets += [f / f'{a}_{b}.mp4' for f in folders for a, b in both]
        for target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(clip, target)
    clip.unlink()
    write_splits(root / 'splits', splits)
    return root


def write_splits(folder, splits):
    """Write {split: pairs} as FaceForensics++'s split files."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, pairs in splits.items():
        (folder / f'{split}.json').write_text(
            json.dumps([list(pair) for pair in pairs])
        )


def items_of(dataset):
    """Return all items of a dataset."""
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def keys_of(dataset):
    """Return the keys of all videos of a dataset."""
    return [item['video_key'] for item in items_of(dataset)]
