"""Plots of the validation during a training."""

# matplotlib is imported lazily: this module is loaded with the package.
from __future__ import annotations

import pathlib
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner

from mmdeepfake.errors import ConfigError
from mmdeepfake.evaluation.metrics import read_result
from mmdeepfake.evaluation.predictions import VideoPrediction, order_by_key
from mmdeepfake.evaluation.summarise import summarise
from mmdeepfake.evaluation.track_rules import merge_tracks
from mmdeepfake.files.image_file import replace_image
from mmdeepfake.registry import HOOKS
from mmdeepfake.structures import BrokenSample, VideoKey

if TYPE_CHECKING:
    from mmdeepfake.visualization.video_views import PackedVideo

FOLDER = 'views'


@HOOKS.register_module()
class ForgeryViewHook(Hook):
    """Plot ROC curves, score histograms and a few videos after validations.

    The images are saved in `views/` of the work folder and sent to the run's
    visualizer, e.g. for TensorBoard or WandB:

        visualizer = dict(vis_backends=[dict(type='TensorboardVisBackend')])
        custom_hooks = [..., dict(type='ForgeryViewHook', interval=2)]

    Training does not change: weights, gradients and random states are as without the
    hook. Only the main process plots; scores are gathered from all.

    Args:
        interval: plot after every n-th validation, starting with the first; a resumed
            run counts from its start.
        num_videos: number of videos to plot: one per manipulation, in order, then a
            real one. 0 plots none.
    """

    # Before EMAHook swaps out the averaged weights, which were validated.
    priority = 'ABOVE_NORMAL'

    def __init__(self, *, interval: int = 1, num_videos: int = 5) -> None:
        if interval < 1 or num_videos < 0:
            raise ConfigError(
                f'ForgeryViewHook: interval={interval}, num_videos={num_videos}; '
                'allowed: interval >= 1 and num_videos >= 0'
            )
        self.interval, self.num_videos = interval, num_videos
        self._num_validations = 0
        self._predictions: list[VideoPrediction] = []

    def before_val_epoch(self, runner: Runner) -> None:
        """Clear the scores."""
        self._predictions = []

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Collect the scores of a batch."""
        results = [read_result(one.to_dict()) for one in outputs or ()]
        self._predictions += [
            one for one in results if isinstance(one, VideoPrediction)
        ]

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Plot every n-th validation of a training."""
        if not isinstance(runner._train_loop, BaseLoop):
            return
        is_due = self._num_validations % self.interval == 0
        self._num_validations += 1
        if not is_due:
            return
        with random_states_kept():
            gathered = all_gather_object(self._predictions)
            if is_main_process():
                self._draw(runner, [one for part in gathered for one in part])

    def _draw(self, runner: Runner, predictions: list[VideoPrediction]) -> None:
        from mmdeepfake.visualization.figure_files import render
        from mmdeepfake.visualization.video_views import plot_videos

        by_epoch = isinstance(runner._train_loop, EpochBasedTrainLoop)
        step = runner.epoch if by_epoch else runner.iter
        word = f'{"epoch" if by_epoch else "iter"}_{step}'
        folder = pathlib.Path(runner.work_dir, FOLDER)
        path = folder / f'{word}_scores.png'
        draw_scores(predictions, path)
        runner.visualizer.add_image('val/scores', read_image(path), step)
        videos = choose_videos(runner.val_dataloader.dataset, self.num_videos)
        if not videos:
            return
        wrapped = is_model_wrapper(runner.model)
        model = runner.model.module if wrapped else runner.model
        try:
            figure = plot_videos(model, videos, title=f'Validation, {word}')
        except ConfigError as error:
            runner.logger.info(f'ForgeryViewHook plots no videos: {error}')
            self.num_videos = 0  # the reason is constant within a run
            return
        image = render(figure)
        replace_image(folder / f'{word}_videos.png', image)
        runner.visualizer.add_image('val/videos', image, step)


def draw_scores(predictions: Sequence[VideoPrediction], path: pathlib.Path) -> None:
    """Plot histograms and ROC curves of the scores of all processes."""
    from mmdeepfake.visualization.report_plots import plot_scores

    from ..score_curves import roc_lines, score_rows

    # A sampler repeats videos to give all processes equally many.
    once = {(one.key, one.track): one for one in predictions}
    merged = order_by_key(merge_tracks(list(once.values()), rule='max'))
    summary = summarise(merged, num_resamples=0)
    plot_scores(score_rows(merged), roc_lines(merged, summary), path)


def choose_videos(dataset: Any, num_videos: int) -> list[PackedVideo]:
    """Read the first fake of each manipulation, then the first real video."""
    from mmdeepfake.visualization.video_views import PackedVideo

    first: dict[str, int] = {}
    keys: dict[str, VideoKey] = {}
    for index in range(len(dataset) if num_videos else 0):
        key = VideoKey(*dataset.get_data_info(index)['video_key'])
        first.setdefault(key.method, index)
        keys.setdefault(key.method, key)
    in_order = sorted(first, key=lambda method: (-keys[method].label, method))
    videos = []
    for method in in_order[:num_videos]:
        packed = dataset[first[method]]
        if isinstance(packed, BrokenSample):
            continue
        sample = packed['data_samples']
        clip_len = int(sample.get('clip_len', 1))
        videos.append(PackedVideo(method, packed['inputs'], sample, clip_len))
    return videos


def read_image(path: pathlib.Path) -> np.ndarray:
    """Read an image as (H, W, 3) uint8, RGB."""
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Restore the state of every global random generator afterwards."""
    states = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices=list(devices)):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
