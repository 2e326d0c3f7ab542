import hashlib
from itertools import pairwise

from mmdeepfake.layouts.identity_split import choose_people, is_held_out


def test_about_one_in_eight_names_is_drawn_and_always_the_same():
    drawn = [n for n in map(str, range(4000)) if is_held_out(n, one_in=8)]
    assert 430 <= len(drawn) <= 570
    assert all(is_held_out(name, one_in=8) for name in drawn)
    digest = hashlib.sha256(b'anna').digest()
    assert is_held_out('anna', one_in=int.from_bytes(digest, 'big'))


def test_people_who_are_linked_are_chosen_together():
    # A chain of three, and pairs: 23 people, of whom three are room for one in eight.
    videos = [('a', 'b'), ('b', 'c')] + [(f'x{i}', f'y{i}') for i in range(10)]
    people = choose_people(videos)
    assert 2 <= len(people) <= 3
    for video in videos:
        assert len(set(video) & people) in (0, 2)


def test_order_of_videos_does_not_matter():
    videos = [(f'x{i}', f'y{i}') for i in range(30)] + [('x1', 'x2')]
    assert choose_people(videos) == choose_people(videos[::-1])


def test_one_large_group_is_drawn_person_by_person():
    names = [f'p{i}' for i in range(80)]
    videos = list(pairwise(names))
    expected = {name for name in names if is_held_out(name, one_in=8)}
    assert choose_people(videos) == expected
    assert 3 <= len(expected) <= 20


def test_nobody_is_chosen_from_nobody():
    assert choose_people([]) == frozenset()
