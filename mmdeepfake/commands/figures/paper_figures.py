"""Draw Figs. 1, 3, 4 and 5 of RATF's paper from a model, for `tools/figures.py`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError
from mmdeepfake.models.necks import CrossSnippetAttention
from mmdeepfake.structures import VideoKey
from mmdeepfake.visualization.difference_plot import Region, plot_changes
from mmdeepfake.visualization.evidence import (
    BasisRegions,
    HeatMaps,
    compute_heat_maps,
    find_basis_regions,
    normalise,
)
from mmdeepfake.visualization.figure_files import save_png_and_pdf
from mmdeepfake.visualization.heat_grid import (
    ImageRow,
    find_peak_snippet,
    plot_image_rows,
    scale_to_peak,
    spread,
)
from mmdeepfake.visualization.overlays import outline_masks, overlay_heat
from mmdeepfake.visualization.region_plot import RegionImage, plot_regions

from .figure_videos import FigureVideo, FigureVideos, load_detector

# Ours: eyes and mouth in a face crop; --regions sets others.
DEFAULT_REGIONS = {
    'eyes': Region(0.22, 0.36, 0.78, 0.56),
    'mouth': Region(0.32, 0.66, 0.68, 0.86),
}


@dataclass(frozen=True)
class Detector:
    """A model with its config and videos.

    Attributes:
        name: of the config's file, for titles.
        model: with trained weights.
        videos: of the test data of its config.
    """

    name: str
    model: nn.Module
    videos: FigureVideos

    def heat(self, video: FigureVideo, *, layer: str | None = None) -> HeatMaps:
        """Return the Grad-CAM of a video."""
        frames = normalise(self.model, video.inputs, video.data_sample)
        return compute_heat_maps(self.model, frames, layer=layer)

    def regions(self, video: FigureVideo, *, layer: str | None = None) -> BasisRegions:
        """Return the regions of RATF's basis filters."""
        frames = normalise(self.model, video.inputs, video.data_sample)
        return find_basis_regions(self.model, frames, layer=layer)


def open_detector(pair: list[str], args: argparse.Namespace) -> Detector:
    """Load CONFIG and CHECKPOINT with the options of the command line."""
    path, checkpoint = pair
    cfg = load_config(path, args.cfg_options)
    return Detector(
        name=path.rpartition('/')[2].removesuffix('.py'),
        model=load_detector(cfg, checkpoint, device=args.device),
        videos=FigureVideos(cfg, split=args.split),
    )


def run_figures(args: argparse.Namespace) -> None:
    """Draw the figure of the command line."""
    figure = FIGURES[args.figure](args)
    for path in save_png_and_pdf(figure, args.out, args.name or args.figure):
        print(f'Written: {path}')


def draw_changes(args: argparse.Namespace) -> Figure:
    """Draw Fig. 1: changes over time in two regions of a fake and its original."""
    cfg = load_config(args.config, args.cfg_options)
    videos = FigureVideos(cfg, split=args.split, num_contiguous=args.num_frames)
    key = _choose(videos, args.methods, args.video_name)[0]
    fake, real = videos.read(key), videos.read_original(key)
    return plot_changes(
        fake.frames,
        real.frames,
        parse_regions(args.regions),
        title=f'{key.dataset} {key.compression}, {key.method}, video {key.name}',
        first_frame=int(fake.frame_indices[0]),
    )


def draw_activation(args: argparse.Namespace) -> Figure:
    """Draw Fig. 3: Grad-CAM per manipulation over one snippet."""
    detector = open_detector(args.model, args)
    rows = []
    for key in _choose(detector.videos, args.methods, args.video_name):
        video = detector.videos.read(key)
        heat = detector.heat(video, layer=args.layer)
        snippet = args.snippet
        if snippet is None:
            snippet = find_peak_snippet(heat.raw, clip_len=video.clip_len)
        chosen = _frames_of_snippet(video, snippet)
        frames = video.frames[chosen]
        pictures = [*frames, *overlay_heat(frames, scale_to_peak(heat.maps[chosen]))]
        pictures[: len(frames)] = _outlined(detector.videos, key, frames, chosen, args)
        rows.append(
            ImageRow(
                f'{key.method}\nP(fake) {heat.fake_score:.2f}\n'
                f'maximum {heat.raw[chosen].max():.2g}',
                pictures,
            )
        )
    t = len(rows[0].pictures) // 2
    names = [f't = {index + 1}' for index in range(t)]
    title = (
        f'Grad-CAM of {detector.name} at {heat.layer}, one snippet of {t} frames'
        + _describe_border(args)
    )
    return plot_image_rows(rows, title=title, column_names=names * 2, gap_after=t)


def draw_regions(args: argparse.Namespace) -> Figure:
    """Draw Fig. 4: regions of the basis filters, and their taps."""
    blocks = {}
    for pair in args.model:
        detector = open_detector(pair, args)
        rows = []
        for key in _choose(detector.videos, args.methods, args.video_name):
            video = detector.videos.read(key)
            regions = detector.regions(video, layer=args.layer)
            chosen = _frames_of_snippet(video, args.snippet)
            frames = video.frames[chosen]
            frame = _outlined(detector.videos, key, frames, chosen, args)[0]
            snippet = int(chosen[0]) // video.clip_len
            rows.append(RegionImage(key.method, frame, regions, snippet))
        num_basis = regions.weights.shape[1]
        name = f'r = {num_basis}: {detector.name}, {regions.layer}'
        if name in blocks:
            raise ConfigError(f'--model: {detector.name} is given twice')
        blocks[name] = rows
    return plot_regions(
        blocks, title='Basis filter of the largest weight' + _describe_border(args)
    )


def draw_csa(args: argparse.Namespace) -> Figure:
    """Draw Fig. 5: activation without and with CSA, and the forged pixels."""
    with_csa, without = (
        open_detector(pair, args) for pair in (args.with_csa, args.without_csa)
    )
    for detector, wanted in ((with_csa, True), (without, False)):
        check_csa(detector, wanted=wanted)
    keys = _choose(with_csa.videos, args.methods, args.video_name)
    rows: dict[str, list] = {'frame': [], 'without\nCSA': [], 'with\nCSA': []}
    truth_row: list = []
    for key in keys:
        video = with_csa.videos.read(key)
        # As in the paper, one frame from each of several snippets.
        snippets = spread(args.num_snippets, len(video.frames) // video.clip_len)
        chosen = snippets * video.clip_len
        frames = video.frames[chosen]
        rows['frame'] += list(frames)
        for name, detector in (('without\nCSA', without), ('with\nCSA', with_csa)):
            heat = detector.heat(video, layer=args.layer)
            shown = scale_to_peak(heat.maps[chosen])
            rows[name] += list(overlay_heat(frames, shown))
        truth_row += list(_truth_pictures(with_csa.videos, key, args)[chosen])
    pictures = [ImageRow(name, row) for name, row in rows.items()]
    pictures.append(ImageRow('forged\npixels', truth_row))
    names = [
        f'{key.method}\nsnippet {index + 1}'
        for key in keys
        for index in range(args.num_snippets)
    ]
    title = (
        f'Grad-CAM at {heat.layer}, frames of different snippets\n'
        f'{without.name} against {with_csa.name}'
    )
    return plot_image_rows(pictures, title=title, column_names=names)


def check_csa(detector: Detector, *, wanted: bool) -> None:
    """Raise if a model lacks CSA where it is wanted, or has it anywhere else."""
    parts = detector.model.modules()
    if any(isinstance(part, CrossSnippetAttention) for part in parts) != wanted:
        raise ConfigError(
            f'{detector.name}: its model has {"no" if wanted else "a"} '
            f'CrossSnippetAttention; --with{"" if wanted else "out"}-csa needs a model '
            f'with{"" if wanted else "out"} one'
        )


FIGURES: dict[str, Callable[[argparse.Namespace], Figure]] = {
    'fig1': draw_changes,
    'fig3': draw_activation,
    'fig4': draw_regions,
    'fig5': draw_csa,
}


def parse_regions(texts: list[str] | None) -> dict[str, Region]:
    """Parse two NAME=LEFT,TOP,RIGHT,BOTTOM, relative to the face crop."""
    if not texts:
        return DEFAULT_REGIONS
    regions = {}
    for text in texts:
        name, _, numbers = text.partition('=')
        try:
            left, top, right, bottom = map(float, numbers.split(','))
        except ValueError:
            left = top = right = bottom = -1.0
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ConfigError(
                f'--regions {text}: expected NAME=LEFT,TOP,RIGHT,BOTTOM relative to '
                'the face crop, e.g. mouth=0.3,0.6,0.7,0.8'
            )
        regions[name] = Region(left, top, right, bottom)
    if len(regions) != 2:
        raise ConfigError(f'--regions has {len(regions)} regions; expected 2')
    return regions


def _choose(
    videos: FigureVideos, methods: list[str] | None, name: str | None
) -> list[VideoKey]:
    """Return one fake of each manipulation."""
    return [videos.choose_fake(m, name) for m in methods or videos.methods()]


def _frames_of_snippet(video: FigureVideo, snippet: int | None) -> np.ndarray:
    num_snippets = len(video.frames) // video.clip_len
    index = num_snippets // 2 if snippet is None else snippet
    if not 0 <= index < num_snippets:
        raise ConfigError(
            f'--snippet {index}: the test pipeline samples {num_snippets} snippets, '
            f'0 to {num_snippets - 1}'
        )
    return index * video.clip_len + np.arange(video.clip_len)


def _outlined(
    videos: FigureVideos,
    key: VideoKey,
    frames: np.ndarray,
    chosen: np.ndarray,
    args: argparse.Namespace,
) -> np.ndarray:
    """Return frames with the border of forged pixels, unless --truth is none."""
    if args.truth == 'none':
        return frames
    return outline_masks(frames, videos.read_truth(key, truth=args.truth)[chosen])


def _describe_border(args: argparse.Namespace) -> str:
    return '' if args.truth == 'none' else '; white: border of the forged pixels'


def _truth_pictures(
    videos: FigureVideos, key: VideoKey, args: argparse.Namespace
) -> np.ndarray:
    """Return (F, H, W) in 0..1: masks, or difference maps scaled to their maximum."""
    if args.truth == 'mask':
        return videos.read_masks(key).astype(np.float32)
    differences = videos.read_differences(key)
    return differences / max(float(differences.max()), 1e-6)
