"""Merge the scores of several faces into the score of their video.

A video is fake if one of its faces is, so by default the highest score counts: with the
mean, every bystander would hide a forged face.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mmdeepfake.errors import DataError

from .predictions import VideoPrediction


def take_highest(tracks: Sequence[VideoPrediction]) -> VideoPrediction:
    """Return the track of the highest score; of equal ones the first."""
    return max(tracks, key=lambda track: (track.log_odds, track.fake_score))


def take_mean(tracks: Sequence[VideoPrediction]) -> VideoPrediction:
    """Average the scores of all tracks and join their snippets."""
    mean = sum(track.fake_score for track in tracks) / len(tracks)
    snippets = tuple(s for track in tracks for s in track.snippet_scores)
    return replace(tracks[0], fake_score=mean, snippet_scores=snippets, fake_logit=None)


TRACK_RULES: dict[str, Callable[[Sequence[VideoPrediction]], VideoPrediction]] = {
    'max': take_highest,
    'mean': take_mean,
}


def merge_tracks(
    predictions: Iterable[VideoPrediction], *, rule: str
) -> list[VideoPrediction]:
    """Return one prediction a video, its `track` 0, sorted by key.

    Args:
        predictions: one for each track of each video, in any order.
        rule: one of `TRACK_RULES`.

    Raises:
        DataError: a track was scored more than once.
    """
    ordered = sorted(predictions, key=lambda one: (one.key, one.track))
    for one, other in itertools.pairwise(ordered):
        if (one.key, one.track) == (other.key, other.track):
            raise DataError(
                f'video {one.key} was scored more than once ({one.fake_score} and '
                f'{other.fake_score}, track {one.track}): keys must be unique and '
                "tracks scored once. With tracks='all' in the dataset, add 'track' to "
                'the meta_keys of PackActionInputs'
            )
    groups = itertools.groupby(ordered, key=lambda one: one.key)
    return [replace(TRACK_RULES[rule](list(tracks)), track=0) for _, tracks in groups]
