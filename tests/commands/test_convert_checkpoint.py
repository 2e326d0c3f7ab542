from pathlib import Path

import pytest
import torch
from tool_runs import CONFIG, ROOT, run_tool_here

from mmdeepfake.commands.convert_checkpoint import (
    CONFIG_OF_CODE,
    CONFIGS,
    convert_file,
    load_rules,
    read_weights,
)
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.models.conversion import KeyRules

TOOL = ROOT / 'tools/convert_checkpoint.py'
RULES = KeyRules(
    source='https://example.org/code',
    renames=(
        (r'^stem\.', 'backbone.conv.'),
        (r'^bn\.', 'backbone.norm.'),
        (r'^fc\.', 'cls_head.fc_cls.'),
    ),
    drops=((r'^aux', 'used in training alone'),),
)


@pytest.fixture(autouse=True)
def find_stubs(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tests')


def make_public_state(num_classes=2):
    generator = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    return {
        'stem.weight': draw(4, 3, 3, 3),
        'stem.bias': draw(4),
        'bn.weight': draw(4),
        'bn.bias': draw(4),
        'bn.running_mean': draw(4),
        'bn.running_var': draw(4).abs(),
        'fc.weight': draw(num_classes, 4),
        'fc.bias': draw(num_classes),
        'aux.weight': draw(2),
    }


def save(tmp_path, content):
    path = tmp_path / 'public.pth'
    torch.save(content, path)
    return path


def run(tmp_path, content, **options):
    target = tmp_path / 'ours.pth'
    report = convert_file(save(tmp_path, content), target, RULES, CONFIG, **options)
    return target, report


@pytest.mark.parametrize(
    'wrap', [lambda s: s, lambda s: {'state_dict': s, 'epoch': 3}, lambda s: {'net': s}]
)
def test_weights_are_renamed_wherever_the_file_keeps_them(tmp_path, wrap, capsys):
    state = make_public_state()
    target, _ = run(tmp_path, wrap(state))
    written = torch.load(target, weights_only=True)
    ours = written['state_dict']
    assert torch.equal(ours['backbone.conv.weight'], state['stem.weight'])
    assert torch.equal(ours['cls_head.fc_cls.bias'], state['fc.bias'])
    assert written['meta']['converted_from'] == 'https://example.org/code'
    assert len(written['meta']['source_sha256']) == 64
    assert {path.name for path in tmp_path.iterdir()} == {'public.pth', 'ours.pth'}
    printed = capsys.readouterr().out
    assert 'taken over (8)' in printed
    assert '  stem.weight -> backbone.conv.weight\n' in printed
    assert 'dropped (1)\n  aux.weight: used in training alone\n' in printed
    assert f'8 tensors written to {target}' in printed


def test_head_of_another_class_count_is_refused_and_says_so(tmp_path, capsys):
    message = r"400 classes, ours has 2: pass --allow-missing 'cls_head\.\*'"
    with pytest.raises(DataError, match=message):
        run(tmp_path, make_public_state(num_classes=400))
    assert not (tmp_path / 'ours.pth').exists()
    assert (
        'cls_head.fc_cls.weight: (400, 4) in the checkpoint, (2, 4) in our model'
        in capsys.readouterr().out
    )
    target, _ = run(
        tmp_path, make_public_state(num_classes=400), allow_missing=['cls_head.*']
    )
    assert 'cls_head.fc_cls.weight' not in torch.load(target)['state_dict']


def test_checkpoint_without_a_head_is_refused(tmp_path):
    state = make_public_state()
    del state['fc.weight'], state['fc.bias']
    with pytest.raises(DataError, match=r'no fitting classifier \(cls_head\.fc_cls\.w'):
        run(tmp_path, state)


def test_missing_key_is_refused_unless_named(tmp_path, capsys):
    state = make_public_state()
    del state['bn.running_mean']
    message = r'1 key \(backbone\.norm\.running_mean\)'
    with pytest.raises(DataError, match=message):
        run(tmp_path, state, allow_missing=['cls_head.*'])
    printed = capsys.readouterr().out
    assert 'missing: no tensor for it in the checkpoint (1)' in printed
    assert not (tmp_path / 'ours.pth').exists()
    run(tmp_path, state, allow_missing=['backbone.norm.*'])


def test_key_without_a_place_is_refused_unless_named(tmp_path):
    # A deeper net fills a shallower one; what is left over tells them apart.
    state = make_public_state() | {'stem.deeper': torch.ones(1)}
    with pytest.raises(DataError, match=r'1 key \(stem\.deeper\)'):
        run(tmp_path, state)
    run(tmp_path, state, allow_unexpected=['stem.deeper'])


def test_options_change_the_model_that_gets_the_weights(tmp_path):
    state = make_public_state(num_classes=5)
    target, _ = run(tmp_path, state, options={'model.cls_head.num_classes': 5})
    assert torch.load(target)['state_dict']['cls_head.fc_cls.bias'].shape == (5,)


def test_file_without_tensors_is_refused(tmp_path):
    with pytest.raises(DataError, match='no tensors'):
        read_weights(save(tmp_path, {'epoch': 3}))
    with pytest.raises(DataError, match='no tensors'):
        read_weights(save(tmp_path, [torch.ones(1)]))
    with pytest.raises(DataNotFoundError, match=r'no such checkpoint file: none\.pth'):
        read_weights(Path('none.pth'))


def test_pickled_module_is_read_only_if_trusted(tmp_path, monkeypatch):
    path = save(tmp_path, torch.nn.Linear(2, 3))
    with pytest.raises(DataError, match=r'more than weights .* --trust-checkpoint'):
        read_weights(path)
    monkeypatch.setenv('MMDEEPFAKE_TRUST_CHECKPOINT', '1')
    assert set(read_weights(path)) == {'weight', 'bias'}


def test_checkpoint_is_not_written_over_itself(tmp_path):
    path = save(tmp_path, make_public_state())
    with pytest.raises(ConfigError, match=r'public\.pth'):
        convert_file(path, path, RULES, CONFIG)


def test_unknown_code_ends_in_the_list_of_codes(capsys):
    assert run_tool_here(TOOL, '--from', 'x', 'in', '--out', 'out') == 2
    assert 'dsanet' in capsys.readouterr().err


@pytest.mark.parametrize('code', CONFIG_OF_CODE)
def test_every_code_has_rules_and_a_config(code):
    assert load_rules(code).source.startswith('https://')
    assert (CONFIGS / CONFIG_OF_CODE[code]).is_file()
