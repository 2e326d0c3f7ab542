"""Data of histograms and ROC curves for `plot_scores`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmdeepfake.evaluation.predictions import VideoPrediction
from mmdeepfake.evaluation.ranking import roc_curve
from mmdeepfake.evaluation.summarise import method_rows, stratum_of
from mmdeepfake.evaluation.summary import Summary
from mmdeepfake.structures import FAKE
from mmdeepfake.visualization.report_plots import RocLine, ScoreRow


def score_rows(predictions: Sequence[VideoPrediction]) -> list[ScoreRow]:
    """Return one row per stratum, real videos first."""
    strata = sorted(
        {stratum_of(prediction) for prediction in predictions},
        key=lambda stratum: (stratum.label, stratum),
    )
    has_one_source = len({(s.dataset, s.compression) for s in strata}) == 1
    return [
        ScoreRow(
            name=stratum.method
            if has_one_source
            else '/'.join(
                filter(None, (stratum.dataset, stratum.compression, stratum.method))
            ),
            is_fake=stratum.label == FAKE,
            fake_scores=np.array(
                [p.fake_score for p in predictions if stratum_of(p) == stratum]
            ),
        )
        for stratum in strata
    ]


def roc_lines(
    predictions: Sequence[VideoPrediction], summary: Summary
) -> list[RocLine]:
    """Return one ROC curve per manipulation with both classes."""
    auc_of = {row.name: row.auc for row in summary.methods}
    lines = []
    for name, videos in method_rows(predictions):
        fpr, tpr, _ = roc_curve(
            [video.key.label for video in videos],
            [video.fake_score for video in videos],
        )
        if not np.isnan(fpr).any():
            lines.append(RocLine(name, auc_of[name], fpr, tpr))
    return lines
