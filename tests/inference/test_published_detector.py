"""A published folder scores as its checkpoint does, and none of it is run."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from dataclasses import replace

import pytest
import torch
import yaml
from inference_builders import CLIP_LEN, SETTINGS, make_config, save_weights
from mmengine.config import Config
from run_builders import make_predictions, test_keys, write_figures
from safetensors.torch import load_file
from stubs.stub_detector import StubDetector

import mmdeepfake
from mmdeepfake.apis import load_detector
from mmdeepfake.commands.publish import publish_detector, run_publish
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.evaluation.leakage import SeenVideos
from mmdeepfake.evaluation.operating_point import OperatingPoint
from mmdeepfake.inference import DeepfakeInferencer, published_detector
from mmdeepfake.structures.training_data import TrainingData

POINT = OperatingPoint(
    *(0.7, 1.0, 0.05, 0.0, 0.8, 13, 40, 'Own /home/me/faces, val', 'abc'),
    lower_threshold=0.4,
)


def make_run(folder):
    """What a training, a test and a calibration leave, of the tiny detector."""
    cfg = make_config(data_root='/home/me/faces')
    cfg.train_dataloader = dict(dataset=dict(data_root=str(folder / 'faces')))
    cfg.work_dir = str(folder)
    weights = save_weights(cfg, folder / 'best_deepfake_auc_epoch_3.pth')
    sha256 = published_detector.hash_file(weights)
    videos = frozenset({('realtalk', 'real', 'a'), ('realtalk', 'PseudoFake', 'a')})
    kind = 'real video and pseudo-fakes'
    SeenVideos(videos, frozenset({'realtalk/p'}), kind).write(
        folder / 'training_videos.json'
    )
    OperatingPoint(**{**vars(POINT), 'checkpoint_sha256': sha256}).write(
        folder / 'operating_point.json'
    )
    write_figures(folder, make_predictions(test_keys()), checkpoint=weights)
    record = {'train': {'command': '/home/me/tools/train.py c.py --resume'}}
    (folder / 'run.json').write_text(json.dumps(record))
    (folder / 'faces').mkdir()
    (folder / 'faces/settings.json').write_text(json.dumps(SETTINGS.to_dict()))
    return cfg, weights


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Config, checkpoint, and the folder published of them."""
    folder = tmp_path_factory.mktemp('run')
    cfg, weights = make_run(folder)
    out = folder / 'out'
    publish_detector(cfg, weights, out, licence='research use', name='tiny')
    return cfg, weights, out


@pytest.fixture
def published(made, tmp_path):
    """A copy of the published folder that may be changed."""
    return shutil.copytree(made[2], tmp_path / 'tiny')


def load(source, **options):
    return load_detector(source, detector=StubDetector(), heat_map='none', **options)


def score(detector):
    inputs = torch.arange(2 * CLIP_LEN * 3 * 16 * 16).reshape(-1, 3, 16, 16) % 251
    (group,) = detector.predictor.predict([inputs.to(torch.uint8)])
    return group.fake_score


def test_scores_are_those_of_the_checkpoint_in_half_precision(made):
    cfg, weights, out = made
    halves = load_file(out / 'model.safetensors')
    kinds = {value.dtype for value in halves.values() if value.is_floating_point()}
    assert kinds == {torch.float16}
    detector = load(out)
    model = detector.predictor.model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    expected = score(DeepfakeInferencer(cfg, weights, detector=StubDetector()))
    assert score(detector) == pytest.approx(expected, abs=2e-3)
    assert 0.01 < expected < 0.99  # or the comparison would show nothing


def test_facts_of_the_run_go_with_it(made):
    detector = load(made[2])
    assert detector.name == 'tiny'
    kind = 'real video and pseudo-fakes'
    trained = detector.training_data
    assert replace(trained, figure=None) == TrainingData(kind, ('realtalk',), 1)
    figures = detector.facts['weights']['figures']['all']
    assert trained.figure.auc == figures['auc'] and trained.figure.split == 'test'
    assert trained.figure.num_videos == figures['num_real'] + figures['num_fake']
    assert detector.facts['threshold'] == 0.7
    assert detector.facts['lower_threshold'] == 0.4
    assert detector.facts['preparation']['min_face_px'] == SETTINGS.min_face_px
    assert detector.facts['weights']['licence'] == 'research use'
    figures = detector.facts['weights']['figures']
    assert figures['all']['num_real'] == 140 and 0.5 < figures['all']['auc'] < 1
    card = (made[2] / 'README.md').read_text()
    for words in ('realtalk, 1 person', 'research use', '0.7000', '| Deepfakes |'):
        assert words in card
    metadata = yaml.safe_load(card.split('---\n')[1])
    assert metadata['library_name'] == 'mmdeepfake'


def test_copy_in_the_cache_of_the_hub_is_a_folder_of_links(made, tmp_path):
    (tmp_path / 'blobs').mkdir()
    (tmp_path / 'snapshot').mkdir()
    for number, path in enumerate(made[2].iterdir()):
        shutil.copy(path, tmp_path / f'blobs/{number}')
        (tmp_path / 'snapshot' / path.name).symlink_to(f'../blobs/{number}')
    detector = load(tmp_path / 'snapshot')
    assert (detector.name, detector.threshold) == ('tiny', 0.7)


def test_no_folder_of_this_machine_goes_with_it(made):
    for path in made[2].iterdir():
        assert b'/home/me' not in path.read_bytes()
        assert str(made[1].parent).encode() not in path.read_bytes()
    facts = json.loads((made[2] / 'detector.json').read_text())
    assert facts['training_command'] == 'train.py c.py --resume'


def test_figures_and_point_of_another_checkpoint_are_not_taken(made, tmp_path):
    cfg, weights, _ = made
    other = save_weights(cfg, tmp_path / 'epoch_9.pth')
    for name in ('metrics.json', 'predictions.csv'):
        shutil.copy(weights.with_name(name), tmp_path)
    facts = publish_detector(cfg, other, tmp_path / 'out', licence='any', name='x')
    assert facts.figures == {}
    assert not (tmp_path / 'out/operating_point.json').exists()
    point = {**vars(POINT), 'checkpoint_sha256': '0' * 64}
    OperatingPoint(**point).write(tmp_path / 'operating_point.json')
    with pytest.raises(DataError, match='another checkpoint'):
        publish_detector(cfg, other, tmp_path / 'out', licence='any', name='x')


def test_weight_that_half_precision_cannot_hold_stays_single(tmp_path):
    cfg = make_config()
    large = torch.tensor([1e6, 0.0])
    path = save_weights(cfg, tmp_path / 'w.pth', **{'cls_head.fc_cls.bias': large})
    publish_detector(cfg, path, tmp_path / 'out', licence='any', name='x')
    found = load_file(tmp_path / 'out/model.safetensors')['cls_head.fc_cls.bias']
    assert torch.equal(found, large)


@pytest.mark.parametrize(
    ('name', 'change', 'message'),
    [
        ('config.py', b'\nx = 1\n', 'config.py is not the file'),
        ('model.safetensors', b' ', 'model.safetensors is not the file'),
        ('detector.json', None, 'has no detector.json'),
        ('config.py', None, 'has no config.py'),
    ],
)
def test_folder_whose_files_do_not_belong_together_is_refused(
    published, name, change, message
):
    path = published / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + change)
    error = DataNotFoundError if change is None else DataError
    if (name, change) == ('config.py', None):
        message = 'no such config file'
    with pytest.raises(error, match=message):
        load(published)


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ("import os\nos.mkdir('ran')\n", 'plain values only'),
        ("x = dict(type='subprocess.Popen', args=['mkdir', 'ran'])\n", 'registered'),
    ],
)
def test_config_of_a_stranger_is_not_run(published, monkeypatch, line, message):
    monkeypatch.chdir(published)
    path = published / 'config.py'
    path.write_text(path.read_text() + line)
    facts = json.loads((published / 'detector.json').read_text())
    facts['config_sha256'] = published_detector.hash_file(path)
    (published / 'detector.json').write_text(json.dumps(facts))
    with pytest.raises(DataError, match=message):
        load(published)
    assert not (published / 'ran').exists()


def test_detector_is_found_by_file_and_by_folder(made, tmp_path):
    cfg, weights, out = made
    cfg.dump(str(weights.with_name('mine.py')))
    for source in (weights, weights.parent, out / 'model.safetensors', str(out)):
        assert load(source).threshold == 0.7
    with pytest.raises(DataNotFoundError, match=r'neither model\.safetensors nor best'):
        load(tmp_path)
    with pytest.raises(DataError, match=r"'talk\.mp4' is a video, not weights"):
        load('talk.mp4')
    with pytest.raises(ConfigError, match='needs trained weights'):
        DeepfakeInferencer(cfg)


def test_starter_is_loaded_where_no_detector_is_named(made, monkeypatch, capsys):
    monkeypatch.setattr(published_detector, 'STARTER', made[2])
    detector = mmdeepfake.load_detector(detector=StubDetector())
    assert detector.name == 'tiny'
    said = capsys.readouterr().err
    assert said == (
        "no checkpoint named: starter detector 'tiny', trained on real video and "
        f'pseudo-fakes (realtalk, 1 person; {detector.training_data.figure})\n'
    )


def test_package_without_a_starter_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(published_detector, 'STARTER', tmp_path)
    with pytest.raises(DataNotFoundError, match=r'without a starter.*name a ch'):
        mmdeepfake.load_detector()


def test_tool_says_what_it_wrote_and_what_is_missing(tmp_path, capsys):
    cfg = make_config()
    cfg.dump(str(tmp_path / 'c.py'))
    weights = save_weights(cfg, tmp_path / 'w.pth')
    run_publish(
        Namespace(
            config=tmp_path / 'c.py',
            cfg_options=None,
            checkpoint=str(weights),
            out=str(tmp_path / 'tiny'),
            licence='any',
            name=None,
        )
    )
    said = capsys.readouterr().out
    assert 'tiny, 0.0 MB' in said
    assert 'trained on real video (made up, 3 persons)' in said
    assert 'tools/calibrate.py' in said and 'tools/test.py' in said
    assert isinstance(Config.fromfile(tmp_path / 'tiny/config.py'), Config)


def test_starter_of_this_package_is_small_and_its_files_belong_together():
    folder = published_detector.STARTER
    if not folder.exists():
        pytest.skip('no starter detector in this checkout')
    facts = published_detector.DetectorFacts.read(folder)
    assert (folder / 'model.safetensors').stat().st_size <= 10e6
    assert facts.licence and (folder / 'README.md').is_file()
    detector = mmdeepfake.load_detector(device='cpu')
    assert detector.is_calibrated
    assert detector.training_data.is_real_video


def test_models_are_listed_by_a_pattern():
    assert 'ratf_r50_ffpp_lq' in mmdeepfake.list_models('ratf*')
    assert mmdeepfake.list_models('miniff/tei*') == ['miniff/tei_r18_miniff']
    assert 'baselines/tei_ffpp_lq' in mmdeepfake.list_models('tei*')
    assert not [name for name in mmdeepfake.list_models() if '_base_' in name]
