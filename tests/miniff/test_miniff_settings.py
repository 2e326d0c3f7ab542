import re

import pytest

from mmdeepfake.errors import DataError
from mmdeepfake.miniff import MiniFFSettings


@pytest.mark.parametrize(
    ('name', 'value', 'allowed'),
    [
        ('seed', -1, 'an integer of 0 or more'),
        ('seed', 1.5, 'an integer of 0 or more'),
        ('clips_per_identity', 0, 'an integer of 1 or more'),
        ('num_frames', 1, 'an integer of 2 or more'),
        ('num_frames', True, 'an integer of 2 or more'),
        ('fps', 0, 'an integer of 1 or more'),
        ('size_px', 127, 'an even number from 32 to 1024'),
        ('size_px', 16, 'an even number from 32 to 1024'),
        ('num_identities', (2, 2), 'three even numbers of 2 or more'),
        ('num_identities', (3, 2, 2), 'three even numbers of 2 or more'),
        ('num_identities', (4, 0, 2), 'three even numbers of 2 or more'),
        ('num_identities', 8, 'three even numbers of 2 or more'),
        ('compressions', (), 'one or more of'),
        ('compressions', ('c0',), "one or more of ('c23', 'c40')"),
        ('compressions', ('c40', 'c40'), 'each once'),
        ('compressions', 'c40', 'one or more of'),
        ('methods', ('FaceShifter',), 'one or more of'),
        ('cues', 'spatial', "one of ('both', 'temporal')"),
        ('coding', 'lossless', "one of ('inter', 'intra'), or None"),
        ('spatial_strength', -0.1, 'a number from 0 to 10'),
        ('temporal_strength', 11, 'a number from 0 to 10'),
        ('temporal_strength', float('nan'), 'a number from 0 to 10'),
    ],
)
def test_bad_value_is_refused_by_name(name, value, allowed):
    message = f'{name} = {value!r} of MiniFFSettings: allowed is '
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        MiniFFSettings(**{name: value})
    assert allowed in str(caught.value)


def test_more_clips_than_three_digits_name_are_refused():
    with pytest.raises(DataError, match=r'= 1004 .* 1000 clips'):
        MiniFFSettings(num_identities=(498, 2, 2), clips_per_identity=2)


def test_settings_survive_json():
    settings = MiniFFSettings(seed=3, methods=('FaceSwap',), cues='temporal')
    assert MiniFFSettings(**settings.to_dict()) == settings


@pytest.mark.parametrize(('cues', 'coding'), [('both', 'inter'), ('temporal', 'intra')])
def test_coding_follows_the_cues_unless_given(cues, coding):
    assert MiniFFSettings(cues=cues).coding == coding
    assert MiniFFSettings(cues=cues, coding='inter').coding == 'inter'


def test_videos_are_counted_once_whatever_the_compressions():
    settings = MiniFFSettings(num_identities=(4, 2, 2), clips_per_identity=3)
    assert settings.num_clips == 24
    assert settings.num_videos == 24 * 5
