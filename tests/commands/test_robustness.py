import pytest

from mmdeepfake.commands.robustness import (
    Point,
    choose_corruptions,
    choose_levels,
    corrupted_dataset,
    format_csv,
    format_markdown,
    read_points,
)
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError

PIPELINE = [dict(type='OpenVideo'), dict(type='SampleSnippets'), dict(type='Resize')]
NAN = float('nan')
POINTS = [
    Point('a', 'clean', 0, '', 0.91, 0.85, 0.95, 0.8),
    Point('a', 'blur', 1, '0.5', 0.9, 0.84, 0.94, 0.8),
    Point('a', 'blur', 5, '5.0', 0.625, NAN, NAN, 0.5),
    Point('b', 'clean', 0, '', 0.7, 0.6, 0.8, 0.5),
]


def test_corruption_stands_between_opening_and_sampling():
    dataset = dict(type='X', pipeline=PIPELINE)
    changed = corrupted_dataset(dataset, 'blur', 3, seed=7)
    assert [step['type'] for step in changed['pipeline']] == [
        'OpenVideo',
        'CorruptVideo',
        'SampleSnippets',
        'Resize',
    ]
    assert changed['pipeline'][1] == dict(
        type='CorruptVideo', name='blur', level=3, seed=7
    )
    assert dataset['pipeline'] == PIPELINE  # the base is another set's too
    assert corrupted_dataset(dataset, 'clean', 0, seed=7) == dataset


def test_pipeline_without_an_opening_is_refused():
    with pytest.raises(ConfigError, match=r'no OpenVideo.* Resize'):
        corrupted_dataset(dict(pipeline=PIPELINE[2:]), 'blur', 1, seed=0)


def test_all_corruptions_and_levels_are_taken_by_default_and_none_twice():
    assert len(choose_corruptions(None)) == 12
    assert choose_corruptions(['blur', 'jpeg', 'blur']) == ['blur', 'jpeg']
    assert choose_levels(None) == [1, 2, 3, 4, 5]
    assert choose_levels([5, 1, 5]) == [1, 5]


def test_unknown_names_and_levels_are_refused():
    with pytest.raises(ConfigError, match='--corruptions fog: allowed are h264, '):
        choose_corruptions(['blur', 'fog'])
    with pytest.raises(ConfigError, match='--levels 0 6: allowed are 1 to 5'):
        choose_levels([0, 1, 6])


def test_table_is_read_back(tmp_path):
    path = tmp_path / 'robustness.csv'
    path.write_text(format_csv(POINTS))
    assert repr(read_points(path)) == repr(POINTS)


def test_markdown_has_a_line_a_model_and_corruption_and_leaves_gaps_open():
    lines = format_markdown(POINTS).splitlines()
    assert lines[2] == (
        '| a | blur | standard deviation in pixels: 0.5, 5.0 | 91.0 [85.0, 95.0] '
        '| 90.0 [84.0, 94.0] | - | - | - | 62.5 |'
    )
    assert lines[3].startswith('| b | blur |')
    assert lines[3].endswith('| 70.0 [60.0, 80.0] | - | - | - | - | - |')


@pytest.mark.parametrize('text', ['', 'a,b\n', format_csv(POINTS)[:-20] + 'x,y\n'])
def test_broken_table_is_named(tmp_path, text):
    path = tmp_path / 'robustness.csv'
    path.write_text(text)
    with pytest.raises(DataError, match=r'robustness\.csv'):
        read_points(path)


def test_missing_table_names_its_command(tmp_path):
    with pytest.raises(DataNotFoundError, match=r'tools/robustness\.py run CONFIG'):
        read_points(tmp_path / 'robustness.csv')
