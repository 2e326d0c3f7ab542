"""Measure whether maps point at the forgery, for `tools/figures.py localisation`."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import DataError
from mmdeepfake.evaluation.localisation import (
    Interval,
    average_over_videos,
    score_heat,
    score_region,
)
from mmdeepfake.files.atomic_write import replace_json, replace_text
from mmdeepfake.structures import VideoKey
from mmdeepfake.visualization.evidence import list_ratf_layers

from ..markdown import format_table
from .figure_videos import FigureVideo, FigureVideos
from .paper_figures import Detector, open_detector

Scores = dict[str, dict[str, Interval]]
NAME = 'localisation'


def run_localisation(args: argparse.Namespace) -> None:
    """Measure, then write and print the tables."""
    detector = open_detector(args.model, args)
    methods = args.methods or detector.videos.methods()
    settings = dict(num_resamples=args.num_resamples, seed=args.seed)
    heat, layer = measure_heat(detector, methods, args, **settings)
    tables = {f'Grad-CAM at {layer}': heat}
    record: dict = {
        'model': detector.name,
        'checkpoint': args.model[1],
        'split': args.split,
        'truth': args.truth,
        'tables': {},
    }
    if list_ratf_layers(detector.model):
        cfg = load_config(args.model[0], args.cfg_options)
        validation = FigureVideos(cfg, split='val')
        found, chosen, layer = measure_regions(
            detector, validation, methods, args, **settings
        )
        tables[f'Region of one basis filter at {layer}'] = found
        record['basis_of_method'] = chosen
    record['num_videos'] = {m: len(_keys(detector.videos, m, args)) for m in methods}
    for name, rows in tables.items():
        record['tables'][name] = {
            method: {figure: vars(value) for figure, value in row.items()}
            for method, row in rows.items()
        }
    text = format_tables(tables, record)
    folder = pathlib.Path(args.out)
    stem = args.name or NAME
    replace_text(folder / f'{stem}.md', text)
    replace_json(folder / f'{stem}.json', record)
    print(f'{text}\nWritten: {folder}/{stem}.md, {stem}.json')


def measure_heat(
    detector: Detector, methods: list[str], args: argparse.Namespace, **settings
) -> tuple[Scores, str]:
    """Score Grad-CAM against the masks per manipulation; also return its layer.

    Args:
        detector: the model and its videos.
        methods: manipulations.
        args: `layer`, `truth` and `max_videos` of the command line.
        settings: of `average_over_videos`.
    """
    layer = args.layer
    table = {}
    for method in methods:
        scored = []
        for _, video, masks in _read(detector.videos, method, args):
            heat = detector.heat(video, layer=layer)
            layer = heat.layer
            scored.append(score_heat(heat.maps, masks))
        table[method] = _average(scored, method, settings)
    return table, layer


def measure_regions(
    detector: Detector,
    validation: FigureVideos,
    methods: list[str],
    args: argparse.Namespace,
    **settings,
) -> tuple[Scores, dict[str, int], str]:
    """Score the region of one basis filter, chosen on validation videos.

    The R regions carry no labels. For each manipulation, the filter whose region has
    the largest mean IoU on the validation fakes is scored on the test split, so that
    chance does not get R tries.

    Args:
        detector: the model and its test videos.
        validation: the validation videos.
        methods: manipulations.
        args: see `measure_heat`.
        settings: of `average_over_videos`.

    Returns:
        The figures, the filter of each manipulation, and the RATF's name.
    """
    layer = args.region_layer
    table, chosen = {}, {}

    def regions_of(video: FigureVideo) -> np.ndarray:
        nonlocal layer
        regions = detector.regions(video, layer=layer)
        layer = regions.layer
        of_frames = regions.chosen_at_frame_size().repeat(video.clip_len, axis=0)
        bases = np.arange(regions.weights.shape[1])
        return of_frames == bases[:, None, None, None]  # (R, F, H, W)

    for method in methods:
        tries = []
        for _, video, masks in _read(validation, method, args):
            scores = [score_region(one, masks) for one in regions_of(video)]
            if all(scores):
                tries.append([score['iou'] for score in scores])
        if not tries:
            raise DataError(f'{method}: no validation video has a mask')
        chosen[method] = int(np.mean(tries, axis=0).argmax())
        scored = [
            score_region(regions_of(video)[chosen[method]], masks)
            for _, video, masks in _read(detector.videos, method, args)
        ]
        table[method] = _average(scored, method, settings)
    return table, chosen, layer


def _keys(
    videos: FigureVideos, method: str, args: argparse.Namespace
) -> list[VideoKey]:
    return videos.fakes(method)[: args.max_videos]


def _read(
    videos: FigureVideos, method: str, args: argparse.Namespace
) -> Iterator[tuple[VideoKey, FigureVideo, np.ndarray]]:
    for key in _keys(videos, method, args):
        yield key, videos.read(key), videos.read_truth(key, truth=args.truth)


def _average(scored: list[dict], method: str, settings: Mapping) -> dict:
    usable = [one for one in scored if one]
    if not usable:
        raise DataError(f'{method}: no frame of its test videos has a mask')
    return average_over_videos(usable, **settings)


_COLUMNS = {
    'pointing': 'pointing %',
    'chance_pointing': 'pointing % by chance',
    'centre_pointing': 'pointing % at the middle',
    'iou': 'IoU %',
    'chance_iou': 'IoU % by chance',
    'centre_iou': 'IoU % at the middle',
}


def format_tables(tables: Mapping[str, Scores], record: Mapping) -> str:
    """Format the tables as Markdown, with their notes."""
    lines = [f'Model: `{record["model"]}`, split `{record["split"]}`', '']
    for name, rows in tables.items():
        figures = [f for f in _COLUMNS if f in next(iter(rows.values()))]
        header = ['manipulation', 'fakes', *(_COLUMNS[f] for f in figures)]
        cells = [
            [method, str(record['num_videos'][method])]
            + [
                str(row[f]) if f in ('pointing', 'iou') else f'{100 * row[f].mean:.1f}'
                for f in figures
            ]
            for method, row in rows.items()
        ]
        lines += [f'**{name}**', '', format_table(header, cells), '']
    lines.append('In brackets: 95% intervals over videos.')
    if 'basis_of_method' in record:
        chosen = ', '.join(f'{m} {i}' for m, i in record['basis_of_method'].items())
        lines.append(f'Filters, chosen on validation videos: {chosen}.')
    return '\n'.join(lines) + '\n'
