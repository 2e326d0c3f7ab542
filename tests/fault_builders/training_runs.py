"""What a training leaves behind, as something that can be compared bit for bit."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import torch

# Of the clock or of the machine, so no two runs share them.
TIMED = ('time', 'data_time', 'memory', 'eta')


def summarise_training(folder: Path) -> dict[str, object]:
    """Everything of a run's folder that must not depend on kills and resumes."""
    folder = Path(folder)
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    return {
        'files': [name for name in files if not name.endswith('.lock')],
        'last_checkpoint': Path((folder / 'last_checkpoint').read_text()).name,
        'checkpoints': {
            path.name: read_checkpoint(path) for path in sorted(folder.glob('*.pth'))
        },
        'scalars': read_scalars(folder),
        'results': {
            path.name: path.read_bytes()
            for path in (folder / 'results').glob('*')
            if path.is_file()
        },
    }


def read_checkpoint(path: Path) -> dict[str, object]:
    """Its tensors and plain values, without the clock's."""
    content = torch.load(path, map_location='cpu', weights_only=False)
    content['meta'] = {key: content['meta'][key] for key in ('epoch', 'iter', 'seed')}
    hub = content.pop('message_hub')
    content['scalars'] = {
        name: np.stack([buffer.data[0], buffer.data[1]]).tolist()
        for name, buffer in hub['log_scalars'].items()
        if name.rpartition('/')[2] not in TIMED
    }
    told = {
        key: value
        for key, value in hub['runtime_info'].items()
        if key not in ('cfg', 'experiment_name', 'mmengine_version', *TIMED)
    }
    for key, value in told.items():
        if key.startswith(('last_ckpt', 'best_ckpt')):
            told[key] = Path(value).name
    content['told'] = told
    return flatten(content)


def flatten(value: object, name: str = '') -> dict[str, object]:
    """Turn nested dicts and lists into one dict; tensors into bytes."""
    if isinstance(value, torch.Tensor):
        return {name: (str(value.dtype), tuple(value.shape), value.numpy().tobytes())}
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        return {name: repr(value)}
    flat = {name: f'{type(value).__name__} of {len(value)}'}
    for key, one in items:
        flat.update(flatten(one, f'{name}/{key}'))
    return flat


def read_scalars(folder: Path) -> dict[str, object]:
    """The curves: of each step the line that was logged last."""
    lines = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for text in path.read_text().splitlines():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue  # cut off by a kill
            kind = 'train' if 'lr' in line else 'val'
            lines[kind, line['step']] = {
                key: value for key, value in line.items() if key not in TIMED
            }
    return lines


def assert_same_training(got: dict, expected: dict, told: str) -> None:
    """Name the first things that differ, rather than dump both."""
    for part, value in expected.items():
        if isinstance(value, dict):
            assert got[part].keys() == value.keys(), f'{told}: {part}'
            for name, one in value.items():
                if isinstance(one, dict):
                    wrong = [
                        key
                        for key in {*one, *got[part][name]}
                        if one.get(key) != got[part][name].get(key)
                    ]
                    assert not wrong, f'{told}: {part}, {name}: {sorted(wrong)[:5]}'
                else:
                    assert got[part][name] == one, f'{told}: {part}, {name}'
        else:
            assert got[part] == value, f'{told}: {part}'


def refuse_half_checkpoints(folder: Path) -> None:
    """Whatever has a checkpoint's name can be read, and the pointer names one."""
    for path in folder.glob('*.pth'):
        torch.load(path, map_location='cpu', weights_only=False)
    pointer = folder / 'last_checkpoint'
    if pointer.exists():
        assert (folder / Path(pointer.read_text()).name).is_file()


def choose_moments(names: list[str], folder: Path, *, number: int, seed: int) -> list:
    """Draw moments to die at: one third while a checkpoint is being written.

    Args:
        names: steps of a run that was left alone, see `ToolServer.run`.
        folder: that steps are counted in.
        number: how many.
        seed: of the draw.
    """
    rng = random.Random(seed)
    drafts = sorted({name for name in names if '.pth.' in name and 'open' in name})
    moments = []
    for _ in range(number // 3):
        # '.epoch_2.pth.4711.tmp' without the process
        part = rng.choice(drafts).split()[1].rsplit('.', 2)[0]
        moments.append({'draft': part, 'num_bytes': rng.choice([0, 1000, 9000])})
    first = names.index('before_train_epoch')
    steps = rng.sample(range(first, len(names)), number - len(moments))
    moments += [{'folder': str(folder), 'step': step} for step in sorted(steps)]
    return moments
