import builtins

import numpy as np
import pytest
from sklearn.ensemble import AdaBoostClassifier

from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.evaluation.boosted_stumps import BoostedStumps, fit_stumps


def draw(num=80, num_features=6, seed=0):
    rng = np.random.default_rng(seed)
    patterns = rng.uniform(-1, 1, (num, num_features)).astype(np.float32)
    labels = (patterns[:, 1] + patterns[:, 4] + rng.normal(0, 0.3, num) > 0).astype(int)
    return patterns, labels


def test_scores_are_those_of_scikit_learn():
    patterns, labels = draw()
    stumps = fit_stumps(patterns, labels, num_stumps=20, seed=1)
    theirs = AdaBoostClassifier(n_estimators=20, random_state=1).fit(patterns, labels)
    fresh, _ = draw(seed=3)
    np.testing.assert_allclose(
        stumps.fake_scores(fresh), theirs.predict_proba(fresh)[:, 1], atol=1e-12
    )


def test_votes_are_weighed_as_written_out():
    stumps = BoostedStumps(
        np.array([0, 1]),
        np.array([0.5, -0.2]),
        np.array([-1.0, 1.0]),
        np.array([1.0, -1.0]),
        np.array([3.0, 1.0]),
    )
    scores = stumps.fake_scores(np.array([[0.9, 0.0], [0.5, -0.2]]))
    # Twice (3 - 1) / 4 and twice (-3 + 1) / 4.
    np.testing.assert_allclose(scores, 1 / (1 + np.exp([-1.0, 1.0])))


def test_one_perfect_stump_is_enough():
    patterns = np.array([[0.0], [0.1], [0.8], [0.9]])
    stumps = fit_stumps(patterns, np.array([0, 0, 1, 1]), num_stumps=50)
    assert len(stumps.features) == 1
    assert (stumps.fake_scores(patterns) > 0.5).tolist() == [False, False, True, True]


def test_file_gives_back_the_same_scores(tmp_path):
    patterns, labels = draw()
    stumps = fit_stumps(patterns, labels, num_stumps=10)
    stumps.save(tmp_path / 's.npz')
    again = BoostedStumps.load(tmp_path / 's.npz')
    np.testing.assert_array_equal(
        again.fake_scores(patterns), stumps.fake_scores(patterns)
    )
    assert [path.name for path in tmp_path.iterdir()] == ['s.npz']


def test_useless_files_are_refused(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"no stumps '.*none\.npz'"):
        BoostedStumps.load(tmp_path / 'none.npz')
    np.savez(tmp_path / 'other.npz', points=np.zeros(3))
    with pytest.raises(DataError, match=r'other\.npz'):
        BoostedStumps.load(tmp_path / 'other.npz')


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    whole = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith('sklearn'):
            raise ImportError(name)
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ConfigError, match=r"pip install 'mmdeepfake\[boosting\]'"):
        fit_stumps(*draw(), num_stumps=3)
