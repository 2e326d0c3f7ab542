"""AdaBoost over decision stumps: fitted by scikit-learn, stored as plain numbers.

A stump asks whether one feature is above a threshold (Freund and Schapire, 1997).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.files.array_file import write_arrays
from mmdeepfake.files.array_reading import read_arrays


@dataclass(frozen=True, eq=False)
class BoostedStumps:
    """A weighted vote of M stumps.

    Attributes:
        features: (M,) int64, the feature of each stump.
        thresholds: (M,) float64.
        votes_below: (M,) float64, 1 for fake and -1 for real up to the threshold.
        votes_above: (M,) float64, the same above it.
        weights: (M,) float64, above 0.
    """

    features: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    votes_below: NDArray[np.float64]
    votes_above: NDArray[np.float64]
    weights: NDArray[np.float64]

    def fake_scores(self, patterns: NDArray[np.floating]) -> NDArray[np.float64]:
        """Compute P(fake) = sigmoid of twice the mean vote: (P, F) -> (P,)."""
        # scikit-learn compares in single precision.
        above = patterns[:, self.features].astype(np.float32) > self.thresholds
        votes = np.where(above, self.votes_above, self.votes_below)
        mean: NDArray[np.float64] = votes @ self.weights / self.weights.sum()
        return 1 / (1 + np.exp(-2 * mean))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz archive atomically."""
        write_arrays(path, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> BoostedStumps:
        """Read what `save` wrote, without running any code of the file."""
        if not os.path.isfile(path):
            raise DataNotFoundError(f'no stumps {os.path.abspath(path)!r}')
        try:
            arrays = read_arrays(path)
            found = cls(*(arrays[f.name] for f in fields(cls)))
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f'{os.fspath(path)!r} is truncated or not a file of stumps ({error}); '
                'fit again'
            ) from error
        if len({getattr(found, f.name).shape for f in fields(cls)}) > 1:
            raise DataError(f'{os.fspath(path)!r} has arrays of unequal lengths')
        return found


def fit_stumps(
    patterns: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    num_stumps: int,
    seed: int = 0,
) -> BoostedStumps:
    """Fit at most `num_stumps` stumps by scikit-learn's AdaBoost.

    Args:
        patterns: (P, F), both classes among them.
        labels: (P,) 0 for real, 1 for fake.
        num_stumps: fewer are fitted if those make no error.
        seed: of the order of the features.

    Raises:
        ConfigError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import AdaBoostClassifier
    except ImportError as error:
        raise ConfigError(
            "boosting needs scikit-learn: pip install 'mmdeepfake[boosting]', or pip "
            'install scikit-learn'
        ) from error
    boosted = AdaBoostClassifier(n_estimators=num_stumps, random_state=seed)
    boosted.fit(patterns, labels)
    trees = [stump.tree_ for stump in boosted.estimators_]
    # Node 0 is the split, nodes 1 and 2 the leaves. A tree without one is node 0.
    sides = [(1, 2) if tree.node_count == 3 else (0, 0) for tree in trees]
    votes = np.array(
        [
            [2.0 * tree.value[node, 0].argmax() - 1 for node in nodes]
            for tree, nodes in zip(trees, sides, strict=True)
        ]
    )
    return BoostedStumps(
        np.array([max(tree.feature[0], 0) for tree in trees], np.int64),
        np.array([tree.threshold[0] for tree in trees], float),
        votes[:, 0],
        votes[:, 1],
        np.array(boosted.estimator_weights_[: len(trees)], float),
    )
