"""Which run may stand beside a figure of the paper, and which is refused."""

from dataclasses import replace

import pytest
from run_builders import (
    FFPP,
    add_record,
    made_up_paper,
    make_predictions,
    make_run,
    test_keys,
    write_evaluation,
    write_figures,
    write_test,
    write_training,
)

from mmdeepfake.commands.paper_tables import cells
from mmdeepfake.evaluation import VideoPrediction
from mmdeepfake.structures import VideoKey

ALL = ('Deepfakes', 'Face2Face', 'FaceSwap', 'NeuralTextures')
CELEB = 'Celeb-DF'
MADE_UP = make_predictions(test_keys())


@pytest.fixture(autouse=True)
def made_up_names(monkeypatch):
    """Treat the made-up test names as the official ones."""
    monkeypatch.setattr(cells, 'read_paper', made_up_paper)


def places(*folders):
    """Filled cells as ('1', 'RATF + CSA', 'LQ DF')."""
    return [
        (cell.table.number, cell.row.name, cell.column.name)
        for cell, runs in cells.collect(folders).cells.items()
        if runs
    ]


def runs_in(cell, *folders):
    """The runs in 'Table 1, TAM, HQ FS'."""
    found = cells.collect(folders).cells.items()
    return [one for place, runs in found if str(place) == cell for one in runs]


def refusal(folder):
    """The one reason for which a folder's run is in no table."""
    collection = cells.collect([folder])
    assert not any(collection.cells.values())
    ((_, reason),) = collection.others
    return reason


def notes(folder):
    found = [runs for runs in cells.collect([folder]).cells.values() if runs]
    return found[0][0].footnotes


def celeb_predictions(num_real=178, num_fake=340):
    real = [VideoKey(CELEB, 0, 'real', '', f'id0_{i:04d}') for i in range(num_real)]
    fake = [
        VideoKey(CELEB, 1, 'synthesis', '', f'id0_id1_{i:04d}') for i in range(num_fake)
    ]
    return [
        VideoPrediction(key, 0.25 + 0.5 * key.label, identities=('id0',))
        for key in real + fake
    ]


def test_model_of_one_manipulation_fills_its_cells(tmp_path):
    folder = make_run(tmp_path / 'run')
    assert places(folder) == [
        ('1', 'RATF + CSA', 'LQ DF'),
        ('4a', '+ RATF + CSA', 'LQ DF'),
        ('4b', 'r = 8', 'LQ DF'),
        ('4c', 'stage 1+2+3+4', 'LQ DF'),
    ]
    (cell,) = runs_in('Table 1, RATF + CSA, LQ DF', folder)
    right = sum((p.fake_score >= 0.5) == p.key.label for p in MADE_UP)
    assert cell.row.acc == pytest.approx(right / 280)
    assert (cell.row.num_real, cell.row.num_fake) == (140, 140)
    assert cell.footnotes == ()


def test_baseline_at_high_quality_by_options_fills_its_own_cell(tmp_path):
    folder = make_run(
        tmp_path / 'run',
        'tam_ffpp_lq',
        predictions=make_predictions(test_keys(('FaceSwap',), 'c23')),
        options={'compression': 'c23', 'methods': 'FaceSwap'},
        methods=('FaceSwap',),
    )
    assert places(folder) == [('1', 'TAM', 'HQ FS')]


def test_cross_dataset_model_fills_table_3_but_not_table_1(tmp_path):
    folder = tmp_path / 'run'
    write_training(folder, 'ratf_r50_ffpp_lq', methods=ALL)
    add_record(folder, 'test', {'config': 'ratf_r50_ffpp_lq.py'})
    sets = {
        'ffpp_lq': make_predictions(test_keys(ALL)),
        'celeb_df': celeb_predictions(),
    }
    write_evaluation(folder, sets)
    assert places(folder) == [
        ('3', 'RATF + CSA', 'FF++ DF'),
        ('3', 'RATF + CSA', 'Celeb-DF'),
    ]
    (cell,) = runs_in('Table 3, RATF + CSA, FF++ DF', folder)
    assert (cell.row.name, cell.row.num_fake) == ('Deepfakes', 140)


def test_model_of_another_set_fills_table_2(tmp_path):
    folder = tmp_path / 'run'
    write_training(
        folder, 'ratf_r50_celeb_df', methods=('synthesis',), dataset=CELEB,
        persons=('id0',),
    )  # fmt: skip
    write_test(folder, 'ratf_r50_celeb_df', celeb_predictions())
    assert places(folder) == [('2', 'RATF + CSA', 'Celeb-DF')]
    (note,) = notes(folder)
    assert 'shows persons of the training videos' in note


def test_dfdc_of_the_official_split_notes_that_the_paper_counted_fewer(tmp_path):
    folder = tmp_path / 'run'
    write_training(
        folder, 'ratf_r50_dfdc_preview', methods=('A',), dataset='DFDC-preview'
    )
    keys = [VideoKey('DFDC-preview', 0, 'real', '', f'r{i}') for i in range(276)]
    keys += [VideoKey('DFDC-preview', 1, 'A', '', f'f{i}') for i in range(504)]
    predictions = [VideoPrediction(key, 0.25 + 0.5 * key.label) for key in keys]
    write_test(folder, 'ratf_r50_dfdc_preview', predictions)
    assert places(folder) == [('2', 'RATF + CSA', 'DFDC')]
    (note,) = notes(folder)
    assert '780' in note and '777' in note


def test_two_seeds_share_a_cell_in_their_order(tmp_path):
    for seed in (1, 0):
        predictions = make_predictions(test_keys(), seed=seed)
        make_run(tmp_path / f'run{seed}', predictions=predictions, seed=seed)
    runs = runs_in('Table 1, RATF + CSA, LQ DF', tmp_path)
    assert [one.training.seed for one in runs] == [0, 1]


def test_a_copied_run_counts_once(tmp_path):
    make_run(tmp_path / 'a')
    make_run(tmp_path / 'b')
    assert len(runs_in('Table 1, RATF + CSA, LQ DF', tmp_path)) == 1
    ((_, reason),) = cells.collect([tmp_path]).others
    assert str(tmp_path / 'a') in reason


RENAMED = [replace(p, key=p.key._replace(name=f'1{p.key.name}')) for p in MADE_UP]
RATF_DF = 'ratf_r50_ffpp_lq_df'


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        # FaceForensics++ has 140 + 140 videos in both validation and test.
        ({'predictions': RENAMED}, 'not those of the official split'),
        ({'predictions': MADE_UP[:-3]}, '140 real and 137 fake videos'),
        (
            {
                'predictions': make_predictions(test_keys(dataset='MiniFF')),
                'dataset': 'MiniFF',
            },
            'trained on MiniFF c40',
        ),
        (
            {'predictions': make_predictions(test_keys(compression='c23'))},
            'tested on FaceForensics++ c23',
        ),
        ({'persons': ('000', '860')}, '1 of 140 persons'),
        ({'options': {'val_dataloader.dataset.split': 'test'}}, 'test set'),
        (
            {'options': {'model.backbone.ratf_cfg': {'num_basis': 4}}},
            f'model is not that of our config {RATF_DF}',
        ),
        (
            {
                'stem': 'ratf_r50_ffpp_lq_uncropped',
                'options': {'methods': 'Deepfakes'},
            },
            'reads FaceForensics',
        ),
    ],
)
def test_run_that_differs_from_the_papers_is_refused(tmp_path, changes, reason):
    assert reason in refusal(make_run(tmp_path / 'run', **changes))


@pytest.mark.parametrize(
    ('stem', 'trained', 'tested', 'dataset', 'reason'),
    [
        ('ratf_r50_ffpp_lq', ALL, ('FaceSwap',), FFPP, 'the paper tests on'),
        (
            *('ratf_r50_ffpp_lq_without_df', ALL[1:], ('Deepfakes',), FFPP),
            'the paper trains on',
        ),
        ('ratf_r18_miniff', ALL, ALL, 'MiniFF', 'not a config of the tables'),
    ],
)
def test_other_protocols_are_refused(tmp_path, stem, trained, tested, dataset, reason):
    folder = tmp_path / 'run'
    write_training(folder, stem, methods=trained, dataset=dataset)
    write_test(folder, stem, make_predictions(test_keys(tested, dataset=dataset)))
    assert reason in refusal(folder)


def test_celeb_df_videos_seen_in_training_are_refused(tmp_path):
    folder = tmp_path / 'run'
    stem = 'ratf_r50_celeb_df'
    write_training(folder, stem, methods=('synthesis',), dataset=CELEB)
    seen = VideoKey(CELEB, 0, 'real', '', '000')
    predictions = [*celeb_predictions(177), VideoPrediction(seen, 0.1)]
    write_test(folder, stem, predictions)
    assert refusal(folder).startswith('1 of 518 videos')


def test_weights_of_unknown_training_are_refused(tmp_path):
    folder = make_run(tmp_path / 'run')
    checkpoint = tmp_path / 'other/best.pth'
    write_test(folder, RATF_DF, MADE_UP, checkpoint=checkpoint)
    assert str(checkpoint) in refusal(folder)
    write_figures(folder, MADE_UP)
    assert 'not recorded' in refusal(folder)


def test_run_without_the_list_of_its_videos_is_refused(tmp_path):
    folder = make_run(tmp_path / 'run')
    (folder / 'training_videos.json').unlink()
    assert 'training data unknown' in refusal(folder)


def test_several_datasets_at_once_are_refused(tmp_path):
    folder = make_run(tmp_path / 'run')
    mixed = [*MADE_UP, *celeb_predictions()]
    write_figures(folder, mixed, checkpoint=folder / 'epoch_3.pth')
    assert 'several datasets' in refusal(folder)


def test_checkpoint_of_another_folder_brings_its_own_training(tmp_path):
    """The folder that a test writes into is not where the weights were trained."""
    trained = tmp_path / 'trained'
    write_training(trained, 'ratf_r50_ffpp_lq', methods=ALL)
    folder = make_run(tmp_path / 'run')
    write_test(folder, RATF_DF, MADE_UP, checkpoint=trained / 'best_epoch_3.pth')
    assert places(folder) == [('3', 'RATF + CSA', 'FF++ DF')]


def test_sets_of_an_older_evaluation_keep_their_own_checkpoint(tmp_path):
    folder = tmp_path / 'run'
    write_training(folder, 'ratf_r50_ffpp_lq', methods=ALL)
    older = {'ffpp_lq': make_predictions(test_keys(ALL))}
    write_evaluation(folder, older, checkpoint=tmp_path / 'elsewhere/epoch_1.pth')
    write_evaluation(folder, {'celeb_df': celeb_predictions()})
    assert places(folder) == [('3', 'RATF + CSA', 'Celeb-DF')]
    ((_, reason),) = cells.collect([folder]).others
    assert 'training data unknown' in reason


def test_folder_that_was_moved_still_knows_its_training(tmp_path):
    folder = make_run(tmp_path / 'run')
    folder.rename(tmp_path / 'away')  # renamed: whose training it was is open
    assert 'unknown' in refusal(tmp_path / 'away')
    (tmp_path / 'there').mkdir()
    (tmp_path / 'away').rename(tmp_path / 'there/run')
    assert len(places(tmp_path / 'there/run')) == 4


NO_VALIDATION = dict.fromkeys(('val_cfg', 'val_dataloader', 'val_evaluator'))


@pytest.mark.parametrize(
    ('changes', 'note'),
    [
        ({'weights': 'random (nothing pretrained)'}, 'random initial weights'),
        (
            {'num_videos': 48},
            'trained on 48 real videos; the official training split has 720',
        ),
        ({'options': NO_VALIDATION}, 'trained without validation'),
    ],
)
def test_smaller_differences_are_footnotes(tmp_path, changes, note):
    assert notes(make_run(tmp_path / 'run', **changes)) == (note,)


def test_last_checkpoint_threshold_and_missing_faces_are_footnotes(tmp_path):
    folder = tmp_path / 'run'
    write_training(folder, RATF_DF)
    last = folder / 'epoch_45.pth'
    write_test(folder, RATF_DF, MADE_UP, checkpoint=last, threshold=0.4, num_no_face=2)
    threshold, faces, checkpoint = notes(folder)
    assert 'P(fake) >= 0.4' in threshold
    assert '2 test videos without a face' in faces
    assert 'epoch_45.pth' in checkpoint


def test_paths_of_data_and_weights_may_differ(tmp_path):
    options = {
        'data_root': '/elsewhere',
        'model.backbone.pretrained': 'resnet50.pth',
        'train_dataloader.num_workers': 2,
    }
    assert notes(make_run(tmp_path / 'run', options=options)) == ()
