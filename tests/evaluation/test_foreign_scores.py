"""Scores from elsewhere become predictions of the right videos, with the right sign."""

import math

import pytest

from mmdeepfake.errors import DataError, DataNotFoundError
from mmdeepfake.evaluation.foreign_scores import read_foreign_scores
from mmdeepfake.evaluation.predictions import rank_predictions
from mmdeepfake.structures import VideoKey, VideoRecord


def record(method, name, source=None, level='c40', **fields):
    key = VideoKey('ffpp', int(method != 'real'), method, level, name)
    path = f'clips/{method}/{level}/{name}/track_{fields.get("track", 0)}.tar'
    return VideoRecord(key, path, 'test', source=source, **fields)


REAL = record('real', '000', 'original/c40/videos/000.mp4', identities=('000',))
SWAP = record('FaceSwap', '000_003', 'manipulated/FaceSwap/c40/videos/000_003.mp4')
SECOND_FACE = record('FaceSwap', '000_003', track=1)
DEEP = record('Deepfakes', '000_003', 'manipulated/Deepfakes/c40/videos/000_003.mp4')
NO_FACE = VideoRecord(DEEP.key._replace(name='1.5'), '', 'test', status='no_face')
RECORDS = [REAL, SWAP, SECOND_FACE, DEEP, NO_FACE]


def read(tmp_path, text, records=RECORDS, **options):
    path = tmp_path / 'scores.csv'
    path.write_text(text)
    return read_foreign_scores(path, records, **options)


def by_key(scores):
    return {one.key: one.fake_score for one in scores.predictions}


@pytest.mark.parametrize(
    'place',
    [
        '/data/FF/manipulated/FaceSwap/c40/videos/000_003.mp4',
        'manipulated/FaceSwap/c40/videos/000_003',
        'D:\\\\FF\\manipulated\\FaceSwap\\c40\\videos\\000_003.avi',
        'FaceSwap/c40/videos/000_003.MP4',
        './clips/FaceSwap/c40/000_003/track_0.tar',
        'FaceSwap/c40/000_003/track_1',
    ],
)
def test_path_fits_the_end_of_the_original_or_of_the_clip(tmp_path, place):
    scores = read(tmp_path, f'path,score\n{place},0.75\n')
    assert by_key(scores) == {SWAP.key: 0.75}
    assert [one.key for one in scores.missing] == [REAL.key, DEEP.key, NO_FACE.key]
    assert scores.coverage == 1 / 4


@pytest.mark.parametrize(
    'place', ['x/Deepfakes/c40/videos/000_003.mp4', 'y/000_003.mp4', 'z.mp4']
)
def test_video_of_another_method_is_not_taken_for_its_namesake(tmp_path, place):
    text = f'path,score\n{place},0.9\noriginal/c40/videos/000.mp4,0.1\n'
    scores = read(tmp_path, text, records=[REAL, SWAP])
    assert scores.unknown == (place,)
    assert by_key(scores) == {REAL.key: 0.1}


def test_longest_path_wins(tmp_path):
    short, long = record('real', 'a', 'a.mp4'), record('real', 'b/a', 'b/a.mp4')
    text = 'path,score\n/x/b/a.mp4,0.25\n/x/a.mp4,0.5\n'
    assert by_key(read(tmp_path, text, records=[short, long])) == {
        long.key: 0.25,
        short.key: 0.5,
    }


def test_name_is_enough_where_it_is_unique_and_columns_narrow_it(tmp_path):
    text = 'file;how;p\nx/000.mp4;;0.25\n000_003;FaceSwap;0.5\n1.5;Deepfakes;1\n'
    columns = {'name': 'file', 'score': 'p'}
    with pytest.raises(DataError, match=r'(?s)1 invalid.*line 3: .* fits 2 videos'):
        read(tmp_path, text, columns=columns)
    columns['method'] = 'how'
    text = text.replace('000.mp4;', '000.mp4;real')
    assert by_key(read(tmp_path, text, columns=columns)) == {
        REAL.key: 0.25,
        SWAP.key: 0.5,
        NO_FACE.key: 1.0,
    }


@pytest.mark.parametrize(
    ('kind', 'higher', 'text', 'fake_score', 'log_odds'),
    [
        ('probability', 'fake', '0.8', 0.8, math.log(4)),
        ('probability', 'real', '0.8', 0.2, -math.log(4)),
        ('probability', 'real', '1e-20', 1.0, math.log(1e20)),
        ('score', 'fake', '2', 1 / (1 + math.exp(-2)), 2.0),
        ('score', 'real', '2', 1 / (1 + math.exp(2)), -2.0),
        ('score', 'fake', '900', 1.0, 900.0),
    ],
)
def test_every_kind_and_direction_becomes_a_probability_of_fake(
    tmp_path, kind, higher, text, fake_score, log_odds
):
    text = f'name,score\n000,{text}\n'
    (one,) = read(tmp_path, text, kind=kind, higher=higher).predictions
    assert one.fake_score == pytest.approx(fake_score, rel=1e-15)
    assert one.log_odds == pytest.approx(log_odds, rel=1e-12)
    assert one.identities == ('000',)


def test_scores_that_round_to_one_probability_keep_their_order(tmp_path):
    text = 'name,score\n000,800\n1.5,900\n'
    predictions = read(tmp_path, text, kind='score').predictions
    keys = [one.key for one in predictions]
    ranks = dict(zip(keys, rank_predictions(predictions), strict=True))
    assert ranks == {REAL.key: 0, NO_FACE.key: 1}


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('name,p\n000,1\n', "line 1: the columns are .'name', 'p'.*needed are score"),
        ('score\n1\n', 'needed are score and path or name'),
        ('name,score\n000,x\n', "line 2: score 'x' is not a number"),
        ('name,score\n000,nan\n', "line 2: score 'nan' of .* finite number in 0..1"),
        ('name,score\n000,-3\n', "'-3' .*or --kind score"),
        ('name,score\n000,1\n000,0\n', 'line 3: ffpp/real/.* a score in line 2'),
        ('name,score\n000\n', 'more or fewer fields'),
        ('name,score\n,1\n', "name=''"),
    ],
)
def test_invalid_line_is_named(tmp_path, text, problem):
    with pytest.raises(DataError, match=f'(?s){problem}'):
        read(tmp_path, text)


def test_inverted_labels_are_noticed(tmp_path):
    text = 'name,score,label\n000,1,1\n1.5,0,fake\n'
    columns = {'label': 'label'}
    with pytest.raises(
        DataError, match=r'(?s)1 invalid.*line 2: .* manifest says real'
    ):
        read(tmp_path, text, columns=columns)


def test_file_of_other_videos_is_refused_with_examples_of_both(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'name is b.* such as 000'):
        read(tmp_path, 'name,score\nb,1\n')
    with pytest.raises(DataNotFoundError, match='no file of scores'):
        read_foreign_scores(tmp_path / 'none.csv', RECORDS)
