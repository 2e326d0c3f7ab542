import os

import pytest
import torch

from mmdeepfake.engine.checkpoint_choice import (
    Validated,
    choose_checkpoint,
    has_checkpoints,
    list_checkpoints,
    takes_over,
)
from mmdeepfake.errors import DataError


def write(path, age=0):
    torch.save({'state_dict': {'weight': torch.arange(4000.0)}}, path)
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


def zero_a_block(path):
    """As a power cut leaves a file whose length was known before its content."""
    content = bytearray(path.read_bytes())
    content[4000:8000] = bytes(4000)
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b'')


def choose(folder):
    return choose_checkpoint(folder, folder=folder, template='epoch_{}.pth')


def test_named_checkpoint_is_taken_though_another_is_newer(tmp_path):
    write(tmp_path / 'epoch_45.pth')
    named = write(tmp_path / 'epoch_2.pth', age=9)
    (tmp_path / 'last_checkpoint').write_text(str(named))
    choice = choose(tmp_path)
    assert (choice.path, choice.faults) == (named, ())


def test_named_checkpoint_is_found_in_a_folder_that_was_moved(tmp_path):
    named = write(tmp_path / 'epoch_2.pth')
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/run/epoch_2.pth')
    choice = choose(tmp_path)
    assert (choice.path, choice.faults) == (named, ())


def test_copied_folder_goes_on_with_its_own_checkpoint(tmp_path):
    original = tmp_path / 'original'
    original.mkdir()
    write(original / 'epoch_2.pth')
    (tmp_path / 'last_checkpoint').write_text(str(original / 'epoch_2.pth'))
    assert choose(tmp_path).path == original / 'epoch_2.pth'  # there is no other
    copied = write(tmp_path / 'epoch_2.pth')
    assert choose(tmp_path).path == copied


@pytest.mark.parametrize('harm', [cut_short, zero_a_block, empty])
def test_broken_checkpoint_gives_way_to_the_newest_whole_one(tmp_path, harm):
    last = write(tmp_path / 'epoch_10.pth')
    harm(write(tmp_path / 'epoch_9.pth', age=1))
    whole = write(tmp_path / 'epoch_8.pth', age=2)
    write(tmp_path / 'epoch_7.pth', age=3)
    write(tmp_path / 'best_auc_epoch_10.pth')
    (tmp_path / 'last_checkpoint').write_text(str(last))
    harm(last)
    choice = choose(tmp_path)
    assert choice.path == whole
    assert len(choice.faults) == 2
    assert f'{last} is ' in choice.faults[0]


@pytest.mark.parametrize(
    ('text', 'fault'),
    [
        (None, 'there is no '),
        ('', ' is empty'),
        ('run/epoch_3.pth', ' names run/epoch_3.pth, which is not there'),
    ],
)
def test_pointer_that_is_of_no_use_gives_way_to_the_newest(tmp_path, text, fault):
    whole = write(tmp_path / 'epoch_2.pth')
    write(tmp_path / 'epoch_1.pth', age=1)
    if text is not None:
        (tmp_path / 'last_checkpoint').write_text(text)
    choice = choose(tmp_path)
    assert choice.path == whole
    assert len(choice.faults) == 1
    assert fault in choice.faults[0]


def test_no_whole_checkpoint_ends_in_one_message(tmp_path):
    empty(tmp_path / 'epoch_1.pth')
    (tmp_path / 'last_checkpoint').write_text('epoch_2.pth')
    with pytest.raises(DataError) as caught:
        choose(tmp_path)
    message = str(caught.value)
    assert 'last_checkpoint names epoch_2.pth, which is not there; ' in message
    assert 'epoch_1.pth is not a complete checkpoint (0 bytes). ' in message
    assert 'remove these files to start from the beginning' in message


def test_folder_without_checkpoints_is_none_to_resume(tmp_path):
    (tmp_path / '.epoch_1.pth.4711.tmp').write_text('half')
    (tmp_path / 'notes.pth').write_text('of a user')
    assert choose(tmp_path) is None
    assert not has_checkpoints(tmp_path)
    assert not has_checkpoints(tmp_path / 'none')
    write(tmp_path / 'iter_100.pth')
    assert has_checkpoints(tmp_path)


def test_latest_comes_first_whatever_the_clock_said(tmp_path):
    for number in (9, 10, 2):
        write(tmp_path / f'epoch_{number}.pth', age=number)
    names = [path.name for path in list_checkpoints(tmp_path, 'epoch_{}.pth')]
    assert names == ['epoch_10.pth', 'epoch_9.pth', 'epoch_2.pth']


@pytest.mark.parametrize(
    ('epochs', 'kept'),
    [
        ([(0.9, 0.3), (1.0, 0.4)], 1),  # better by more than a video
        ([(1.0, 0.4), (0.9, 0.3)], 0),
        ([(1.0, 0.4), (1.0, 0.3), (1.0, 0.35)], 1),  # equal: the lower cross-entropy
        ([(1.0, 0.4), (0.975, 0.3)], 1),  # one video of 40 is equal as well
        ([(0.975, 0.3), (1.0, 0.4)], 0),
        ([(1.0, 0.4), (1.0, 0.4)], 1),  # the later one
        # Equal to the one kept, but two videos below the best so far.
        ([(1.0, 0.4), (0.975, 0.3), (0.95, 0.2)], 1),
        ([(0.95, 0.2), (0.975, 0.3), (1.0, 0.4)], 2),
        ([(float('nan'), 0.1)], None),
        ([(1.0, 0.4), (float('nan'), 0.1)], 0),
    ],
)
def test_ties_go_to_the_lower_cross_entropy_then_to_the_later_epoch(epochs, kept):
    chosen, best = None, float('-inf')
    held = Validated(best, float('inf'))
    for index, one in enumerate(map(Validated._make, epochs)):
        best = max(best, one.figure)
        if takes_over(one, held, best_figure=best, num_videos=40):
            chosen, held = index, one
    assert chosen == kept
