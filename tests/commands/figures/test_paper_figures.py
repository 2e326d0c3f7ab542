import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from figure_builders import (
    METHODS,
    SMALL,
    WITH_CSA,
    WITHOUT_CSA,
    make_masked_tree,
    options_of,
    save_small_checkpoint,
)
from tool_runs import ROOT, run_tool_here
from torch import nn

from mmdeepfake.commands.figures import paper_figures as figures
from mmdeepfake.commands.figures.figure_videos import (
    FigureVideos,
    load_detector,
    sample_in_a_row,
)
from mmdeepfake.commands.figures.paper_figures import parse_regions
from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.models.necks import CrossSnippetAttention

TOOL = ROOT / 'tools/figures.py'


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    return make_masked_tree(tmp_path_factory.mktemp('figures') / 'ffpp')


@pytest.fixture(scope='module')
def models(tmp_path_factory, data_root):
    folder = tmp_path_factory.mktemp('checkpoints')
    return {
        config: save_small_checkpoint(folder / f'{index}.pth', config, data_root)
        for index, config in enumerate((WITH_CSA, WITHOUT_CSA))
    }


@pytest.fixture(scope='module')
def videos(data_root):
    return FigureVideos(load_config(WITHOUT_CSA, options_of(WITHOUT_CSA, data_root)))


def run(*words, data_root, config=WITHOUT_CSA):
    """Run tools/figures.py in this process; return its exit code."""
    options = options_of(config, data_root).items()
    pairs = [f'{key}={value}'.replace(' ', '') for key, value in options]
    return run_tool_here(TOOL, *words, '--cfg-options', *pairs)


def check_pictures(folder, name):
    picture = cv2.imread(str(folder / f'{name}.png'))
    assert min(picture.shape[:2]) > 150
    assert picture.std() > 10  # something is drawn
    assert (folder / f'{name}.pdf').read_bytes().startswith(b'%PDF')


def test_fig1_is_drawn(tmp_path, data_root):
    given = ['fig1', WITHOUT_CSA, '--num-frames', 8, '--methods', 'FaceSwap']
    given += ['--out', tmp_path]
    assert run(*given, data_root=data_root) == 0
    check_pictures(tmp_path, 'fig1')


@pytest.mark.parametrize('figure', ['fig3', 'fig4'])
def test_figures_of_one_model_are_drawn(tmp_path, data_root, models, figure):
    given = [figure, '--model', *models[WITHOUT_CSA], '--out', tmp_path]
    assert run(*given, data_root=data_root) == 0
    check_pictures(tmp_path, figure)


def test_model_with_csa_in_the_place_of_one_without_is_refused(
    tmp_path, data_root, models, capsys
):
    given = ['fig5', '--with-csa', *models[WITHOUT_CSA]]
    given += ['--without-csa', *models[WITHOUT_CSA], '--out', tmp_path]
    assert run(*given, data_root=data_root) == 2
    assert '--with-csa needs a model with one' in capsys.readouterr().err


@pytest.mark.parametrize('wanted', [True, False])
def test_only_the_attention_itself_counts_as_csa(wanted):
    other, csa = nn.Linear(1, 1), CrossSnippetAttention(in_channels=8, clip_len=4)
    right, wrong = (csa, other) if wanted else (other, csa)
    figures.check_csa(figures.Detector('m', nn.Sequential(right), None), wanted=wanted)
    with pytest.raises(ConfigError, match='CrossSnippetAttention'):
        figures.check_csa(
            figures.Detector('m', nn.Sequential(wrong), None), wanted=wanted
        )


def test_localisation_writes_tables(tmp_path, data_root, models):
    given = ['localisation', '--model', *models[WITHOUT_CSA], '--max-videos', 1]
    given += ['--num-resamples', 50, '--out', tmp_path]
    assert run(*given, data_root=data_root) == 0
    record = json.loads((tmp_path / 'localisation.json').read_text())
    assert record['num_videos'] == dict.fromkeys(METHODS, 1)
    assert set(record['basis_of_method']) == set(METHODS)
    heat, regions = record['tables'].values()
    assert set(heat) == set(regions) == set(METHODS)
    for row in heat.values():
        assert 0 <= row['iou']['low'] <= row['iou']['mean'] <= row['iou']['high'] <= 1
    text = (tmp_path / 'localisation.md').read_text()
    assert '| manipulation | fakes | pointing % | pointing % by chance |' in text


def test_mask_is_cut_and_sampled_as_its_video(videos):
    # The builder's masks are copies of the videos, so both must show the same.
    key = videos.choose_fake('FaceSwap')
    masks = videos.read_masks(key)
    frames = videos.read(key).frames
    np.testing.assert_array_equal(masks, frames.max(axis=-1) >= 128)


def test_original_is_the_target_of_the_pair(videos):
    key = videos.choose_fake('Deepfakes', '005_004')
    original = videos.read_original(key)
    assert (original.key.label, original.key.name) == (0, '005')
    np.testing.assert_array_equal(original.frames, videos.read(key).frames)
    assert not videos.read_differences(key).any()
    assert not videos.read_truth(key, truth='difference').any()


def test_unknown_names_are_refused(videos):
    with pytest.raises(ConfigError, match=r"'X'.* Deepfakes, FaceSwap"):
        videos.choose_fake('X')
    with pytest.raises(ConfigError, match=r"'1_2'.* FaceSwap in split 'test'"):
        videos.choose_fake('FaceSwap', '1_2')


def test_missing_masks_and_originals_are_named(videos):
    key = videos.choose_fake('FaceSwap')
    item = videos._items[key]
    videos._items[key] = dict(item, mask=None)
    with pytest.raises(DataNotFoundError, match='no mask file'):
        videos.read_masks(key)
    videos._items[key] = item
    stranger = key._replace(name='999_000')
    videos._items[stranger] = item
    with pytest.raises(DataNotFoundError, match="real/c40/999 is not in split 'test'"):
        videos.read_original(stranger)
    del videos._items[stranger]


def test_face_clips_have_no_pixel_difference(videos):
    key = videos.choose_fake('FaceSwap')
    item = videos._items[key]
    videos._items[key] = dict(item, track_file='track.npz')
    with pytest.raises(ConfigError, match='is a face clip'):
        videos.read_differences(key)
    videos._items[key] = item


def test_pipeline_without_a_sampler_is_refused():
    with pytest.raises(ConfigError, match='has no SampleSnippets'):
        sample_in_a_row([dict(type='OpenVideo')], 8)


def test_checkpoint_of_another_model_is_refused(tmp_path, data_root):
    torch.save(dict(state_dict={'a': torch.zeros(1)}), tmp_path / 'a.pth')
    cfg = load_config(WITHOUT_CSA, {'data_root': str(data_root), **SMALL})
    with pytest.raises(DataError, match='does not match the architecture'):
        load_detector(cfg, str(tmp_path / 'a.pth'))


@pytest.mark.parametrize(
    ('texts', 'message'),
    [
        (['mouth=0.3,0.6,0.7'], '--regions mouth=0.3,0.6,0.7'),
        (['mouth=0.7,0.6,0.3,0.8'], '--regions mouth=0.7'),
        (['mouth=0.3,0.6,0.7,0.8'], '1 regions'),
    ],
)
def test_wrong_regions_are_refused(texts, message):
    with pytest.raises(ConfigError, match=message):
        parse_regions(texts)


@pytest.mark.slow
def test_fig5_is_drawn_of_two_models(monkeypatch, tmp_path, data_root, models):
    def open_small(pair, args):
        cfg = load_config(pair[0], options_of(pair[0], data_root))
        model = load_detector(cfg, pair[1])
        return figures.Detector('small', model, FigureVideos(cfg))

    monkeypatch.setattr(figures, 'open_detector', open_small)
    args = SimpleNamespace(
        with_csa=models[WITH_CSA], without_csa=models[WITHOUT_CSA], truth='mask',
        methods=None, video=None, layer=None, num_snippets=2,
    )  # fmt: skip
    figure = figures.draw_csa(args)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[:2] == ['Deepfakes\nsnippet 1', 'Deepfakes\nsnippet 2']
    names = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert names[:4] == ['frame', 'without\nCSA', 'with\nCSA', 'forged\npixels']
    masks = [axes for axes in figure.axes if axes.images][-4:]
    videos = open_small(models[WITH_CSA], args).videos
    expected = videos.read_masks(videos.choose_fake('Deepfakes'))[[0, 4]]
    for axes, mask in zip(masks, expected, strict=False):
        np.testing.assert_array_equal(axes.images[0].get_array(), mask)
