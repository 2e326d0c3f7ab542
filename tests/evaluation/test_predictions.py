import hashlib
import random

import pytest

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.evaluation.predictions import (
    COLUMNS,
    VideoPrediction,
    order_by_key,
    read_predictions,
    write_predictions,
)
from mmdeepfake.structures import VideoKey

HEADER = ','.join(COLUMNS)
REAL = VideoKey('ffpp', 0, 'real', 'c40', '000')
FAKE = VideoKey('ffpp', 1, 'Deepfakes', 'c40', '000')


def test_file_gives_back_the_same_scores_to_the_last_bit(tmp_path):
    rng = random.Random(0)
    predictions = [
        VideoPrediction(
            FAKE._replace(name=f'{i:03d}'),
            rng.random(),
            tuple(rng.random() for _ in range(i % 4)),
            identities=tuple(f'person;"{k}",' for k in range(i % 3)),
        )
        for i in range(50)
    ]
    write_predictions(tmp_path / 'p.csv', predictions)
    assert read_predictions(tmp_path / 'p.csv') == predictions


def test_hash_is_that_of_the_file(tmp_path):
    sha256 = write_predictions(tmp_path / 'p.csv', [VideoPrediction(REAL, 0.25)])
    content = (tmp_path / 'p.csv').read_bytes()
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert content.decode() == f'{HEADER}\nffpp,0,real,c40,000,0.25,0,,,\n'


def test_odd_names_survive(tmp_path):
    name = 'a,b "c"/é 1.mp4'
    predictions = [VideoPrediction(REAL._replace(name=name), 0.5, (0.5, 1.0))]
    write_predictions(tmp_path / 'p.csv', predictions)
    assert read_predictions(tmp_path / 'p.csv') == predictions


def test_order_is_that_of_the_keys():
    predictions = [VideoPrediction(FAKE, 0.1), VideoPrediction(REAL, 0.2)]
    assert [p.key for p in order_by_key(predictions)] == [REAL, FAKE]


def test_video_scored_twice_is_refused():
    twice = [VideoPrediction(FAKE, 0.5), VideoPrediction(FAKE, 0.5)]
    with pytest.raises(
        DataError, match='video ffpp/fake/Deepfakes/c40/000 was scored more than once'
    ):
        order_by_key(twice)


@pytest.mark.parametrize('score', [float('nan'), -0.1, 1.5, float('inf')])
def test_score_that_is_no_probability_is_refused(score):
    with pytest.raises(
        DataError, match=f'fake_score {score} of video ffpp/fake/Deepfakes/c40/000'
    ):
        VideoPrediction(FAKE, score)
    with pytest.raises(DataError, match=r'snippet_scores\[1\]'):
        VideoPrediction(FAKE, 0.5, (0.5, score))


def test_label_beyond_fake_is_refused():
    with pytest.raises(DataError, match="label 2 of video '000': allowed are 0"):
        VideoPrediction(FAKE._replace(label=2), 0.5)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', "line 1: header ''"),
        ('name,score\na,0.5\n', "line 1: header 'name,score', expected 'dataset,"),
        (HEADER + '\n', 'no videos'),
        (HEADER + '\nffpp,0,real,c40,0,\n', 'line 2: 6 fields, expected 10'),
        (HEADER + '\nffpp,2,real,c40,0,0.5,0,,,\n', "line 2: label '2': allowed are 0"),
        (
            HEADER + '\nffpp,0,real,c40,0,half,0,,,\n',
            "fake_score 'half' is not a number",
        ),
        (HEADER + '\nffpp,0,real,c40,0,nan,0,,,\n', 'line 2: fake_score nan of video'),
        (HEADER + '\nffpp,0,real,c40,0,0.5,1,x,,\n', "snippet_scores 'x' is not a"),
        (HEADER + '\nffpp,0,real,c40,0,0.5,3,1.0;0.5,,\n', "num_snippets is '3', but"),
        (HEADER + '\nffpp,0,real,c40,0,0.5,0,,"[1]",\n', r"identities '\[1\]'"),
        (HEADER + '\nffpp,0,real,c40,0,0.5,0,,who,\n', "identities 'who'"),
        (HEADER + '\n' + 'ffpp,0,real,c40,0,0.5,0,,,\n' * 2, 'scored more than once'),
    ],
)
def test_broken_file_is_refused_with_its_line(tmp_path, content, message):
    path = tmp_path / 'p.csv'
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_predictions(path)


def test_missing_file_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'tools/test\.py CONFIG CHECKPOINT'):
        read_predictions(tmp_path / 'p.csv')


def test_files_without_the_logit_are_read_and_the_logit_survives(tmp_path):
    known = VideoPrediction(REAL, 1.0, (1.0,), fake_logit=20.25)
    write_predictions(tmp_path / 'p.csv', [known])
    assert read_predictions(tmp_path / 'p.csv') == [known]
    text = (tmp_path / 'p.csv').read_text(encoding='utf-8')
    older = text.replace(',fake_logit', '').replace(',20.25', '')
    (tmp_path / 'p.csv').write_text(older, encoding='utf-8')
    (read,) = read_predictions(tmp_path / 'p.csv')
    assert read == VideoPrediction(REAL, 1.0, (1.0,))
    assert read.log_odds == float('inf')
