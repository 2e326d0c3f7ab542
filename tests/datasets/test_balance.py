import pytest

from mmdeepfake.datasets.balance import repeat_real


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
def test_real_videos_are_repeated_up_to_the_number_of_fakes(num_real, num_fake, copies):
    names = [*(f'real {i}' for i in range(num_real)), *map(str, range(num_fake))]
    videos = repeat_real(names, [0] * num_real + [1] * num_fake)
    assert [videos.count(name) for name in names] == [*copies, *[1] * num_fake]
    assert len(videos) == sum(copies) + num_fake
