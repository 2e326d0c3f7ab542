"""Folders as a training and a test leave them, made without either."""

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from mmdeepfake.commands.evaluate import format_markdown
from mmdeepfake.commands.paper_protocol import read_paper
from mmdeepfake.commands.scoring import ScoredSet
from mmdeepfake.engine.build import load_config
from mmdeepfake.evaluation import VideoPrediction, summarise, write_predictions
from mmdeepfake.evaluation.leakage import SeenVideos
from mmdeepfake.structures import VideoKey

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
FFPP = 'FaceForensics++'
TEST_NAMES = tuple(f'{number:03d}' for number in range(860, 1000))


def test_keys(methods=('Deepfakes',), compression='c40', dataset=FFPP):
    """Keys of a test set of 140 real videos and as many fakes a manipulation."""
    keys = [VideoKey(dataset, 0, 'real', compression, name) for name in TEST_NAMES]
    for method in methods:
        for one, other in zip(TEST_NAMES, reversed(TEST_NAMES), strict=True):
            keys.append(VideoKey(dataset, 1, method, compression, f'{one}_{other}'))
    return keys


test_keys.__test__ = False


def made_up_paper():
    """The paper's tables, as if the made-up test names were the official ones."""
    sha256 = hashlib.sha256('\n'.join(TEST_NAMES).encode()).hexdigest()
    tables = []
    for table in read_paper().tables:
        columns = tuple(
            replace(c, videos=replace(c.videos, real_names_sha256=sha256))
            if c.videos.real_names_sha256
            else c
            for c in table.columns
        )
        tables.append(replace(table, columns=columns))
    return read_paper()._replace(tables=tuple(tables))


def make_predictions(keys, *, seed=0):
    """Scores of a good but not perfect model; persons are the numbers of the names."""
    rng = np.random.default_rng(seed)
    scores = np.clip([0.25 + 0.5 * key.label for key in keys], 0, 1)
    scores = np.clip(scores + rng.normal(0, 0.2, len(keys)), 0, 1)
    return [
        VideoPrediction(key, float(score), identities=tuple(key.name.split('_')))
        for key, score in zip(keys, scores, strict=True)
    ]


def write_figures(folder, predictions, *, checkpoint=None, **settings):
    """Write predictions.csv and metrics.json, as a test does."""
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = write_predictions(folder / 'predictions.csv', predictions)
    summary = summarise(predictions, **{'num_resamples': 20, **settings})
    record = summary.to_json()
    record['checkpoint'] = None if checkpoint is None else str(checkpoint)
    record['predictions'] = {'file': 'predictions.csv', 'sha256': sha256}
    (folder / 'metrics.json').write_text(json.dumps(record))
    return summary


@cache
def config_text(stem, options):
    """A config of ours with options (JSON) in it, as MMEngine writes it down."""
    (path,) = [p for p in CONFIGS.rglob(f'{stem}.py') if 'published' not in p.parts]
    return load_config(path, json.loads(options)).pretty_text


def write_training(
    folder, stem, *, options=None, methods=('Deepfakes',), dataset=FFPP, seed=0,
    weights='model.backbone.pretrained = https://a.b/resnet50.pth', persons=('000',),
    num_videos=720,
):  # fmt: skip
    """Write what a training leaves: its config, its record, its videos."""
    text = config_text(stem, json.dumps(options))
    log = folder / '20260101_000000/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 0.7, "lr": 0.001, "step": 10}\n')
    log.with_name('config.py').write_text(text)
    (folder / f'{stem}.py').write_text(text)
    videos = {(dataset, 'real', '000')} | {(dataset, m, '000_001') for m in methods}
    SeenVideos(
        frozenset(videos), frozenset(f'{dataset}/{name}' for name in persons)
    ).write(folder / 'training_videos.json')
    classes = ['real', *(f'fake/{method}' for method in methods)]
    facts = {
        'config': str(folder / f'{stem}.py'),
        'initial_weights': weights,
        'seed': seed,
        'code': 'mmdeepfake 0.1.0',
        'videos': {'train': dict.fromkeys(classes, num_videos)},
    }
    add_record(folder, 'train', facts)


def write_test(folder, stem, predictions, *, checkpoint=None, **settings):
    """Write what a test of a checkpoint leaves in the folder of its training."""
    checkpoint = checkpoint or folder / 'best_deepfake_auc_epoch_3.pth'
    config = str(folder / f'{stem}.py')
    weights = f'loaded from {checkpoint}'
    add_record(folder, 'test', {'config': config, 'initial_weights': weights})
    return write_figures(folder, predictions, checkpoint=checkpoint, **settings)


def write_evaluation(folder, sets, *, checkpoint=None):
    """Write what an evaluation on several sets leaves: name -> predictions."""
    checkpoint = checkpoint or folder / 'best_deepfake_auc_epoch_3.pth'
    scored = []
    for name, predictions in sets.items():
        place = folder / 'evaluation' / name
        summary = write_figures(place, predictions, checkpoint=checkpoint)
        scored.append(ScoredSet(name, place, summary, ()))
    table = format_markdown(scored, str(checkpoint))
    (folder / 'evaluation/table.md').write_text(table)


def add_record(folder, phase, facts):
    """Put an entry into run.json."""
    path = folder / 'run.json'
    record = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**record, phase: facts}))


def make_run(folder, stem='ratf_r50_ffpp_lq_df', *, predictions=None, **training):
    """Make a run that was trained and tested on one manipulation of FaceForensics++."""
    write_training(folder, stem, **training)
    write_test(folder, stem, predictions or make_predictions(test_keys()))
    return folder
