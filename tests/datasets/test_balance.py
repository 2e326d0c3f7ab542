import pytest

from mmdeepfake.datasets.balance import BALANCES, repeat_real


def make_videos(num_real, num_fake):
    reals = [(0, f'real {i}') for i in range(num_real)]
    return reals + [(1, f'fake {i}') for i in range(num_fake)]


@pytest.mark.parametrize(
    ('num_real', 'num_fake', 'copies'),
    [
        (3, 3, [1, 1, 1]),  # one manipulation
        (3, 12, [4, 4, 4]),  # four of them
        (4, 10, [2, 3, 2, 3]),  # the fraction is spread evenly
        (3, 2, [1, 1, 1]),  # fakes are never repeated
        (0, 2, []),
        (2, 0, [1, 1]),
    ],
)
def test_real_videos_are_repeated_to_as_many_as_fakes(num_real, num_fake, copies):
    videos = repeat_real(make_videos(num_real, num_fake))
    assert [videos.count(f'real {i}') for i in range(num_real)] == copies
    assert [videos.count(f'fake {i}') for i in range(num_fake)] == [1] * num_fake
    assert len(videos) == sum(copies) + num_fake


def test_without_balance_each_video_is_listed_once():
    videos = make_videos(2, 5)
    assert BALANCES[None](videos) == [video for _, video in videos]
