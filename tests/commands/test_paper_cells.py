"""Which run may stand beside a figure of the paper, and which may not."""

from dataclasses import replace

import pytest
from run_builders import (
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
    """Take the made-up names of the tests for the official ones."""
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
    assert notes(folder) == (
        'the official test split shows persons of the training videos',
    )


def test_dfdc_of_the_official_split_says_that_the_paper_counted_less(tmp_path):
    folder = tmp_path / 'run'
    write_training(
        folder, 'ratf_r50_dfdc_preview', methods=('A',), dataset='DFDC-preview'
    )
    keys = [VideoKey('DFDC-preview', 0, 'real', '', f'r{i}') for i in range(276)]
    keys += [VideoKey('DFDC-preview', 1, 'A', '', f'f{i}') for i in range(504)]
    predictions = [VideoPrediction(key, 0.25 + 0.5 * key.label) for key in keys]
    write_test(folder, 'ratf_r50_dfdc_preview', predictions)
    assert places(folder) == [('2', 'RATF + CSA', 'DFDC')]
    assert notes(folder) == ("780 test videos; the paper's figures are shares of 777",)


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
    assert reason == f'the same predictions as in {tmp_path / "a"}'


def test_validation_split_is_not_taken_for_the_test_split(tmp_path):
    """FaceForensics++ has 140 and 140 videos in both."""
    others = [replace(p, key=p.key._replace(name=f'1{p.key.name}')) for p in MADE_UP]
    folder = make_run(tmp_path / 'run', predictions=others)
    assert 'not those of the official test split' in refusal(folder)


def test_part_of_the_test_split_is_refused(tmp_path):
    folder = make_run(tmp_path / 'run', predictions=MADE_UP[:-3])
    assert refusal(folder) == (
        '140 real and 137 fake videos of FaceForensics++ c40 (Deepfakes); the test '
        'split has 140 and 140'
    )


def test_built_in_set_is_refused(tmp_path):
    folder = tmp_path / 'run'
    write_training(folder, 'ratf_r18_miniff', methods=ALL, dataset='MiniFF')
    keys = test_keys(ALL, dataset='MiniFF')
    write_test(folder, 'ratf_r18_miniff', make_predictions(keys))
    assert refusal(folder) == (
        f'trained on MiniFF c40 ({", ".join(ALL)}), tested on MiniFF c40 '
        f'({", ".join(ALL)}): ratf_r18_miniff is no config of the tables'
    )


def test_built_in_set_in_the_papers_config_is_refused(tmp_path):
    predictions = make_predictions(test_keys(dataset='MiniFF'))
    folder = make_run(tmp_path / 'run', predictions=predictions, dataset='MiniFF')
    assert 'no table of the paper has this' in refusal(folder)


@pytest.mark.parametrize(
    ('stem', 'trained', 'tested', 'reason'),
    [
        ('ratf_r50_ffpp_lq', ALL, ('FaceSwap',), 'the paper tests on'),
        ('ratf_r50_ffpp_lq_without_df', ALL[1:], ('Deepfakes',), 'the paper trains on'),
    ],
)
def test_other_protocols_on_its_data_are_refused(
    tmp_path, stem, trained, tested, reason
):
    folder = tmp_path / 'run'
    write_training(folder, stem, methods=trained)
    write_test(folder, stem, make_predictions(test_keys(tested)))
    assert reason in refusal(folder)


def test_other_compression_at_the_test_is_refused(tmp_path):
    predictions = make_predictions(test_keys(compression='c23'))
    folder = make_run(tmp_path / 'run', predictions=predictions)
    assert 'tested on FaceForensics++ c23 (Deepfakes): the paper tests' in refusal(
        folder
    )


def test_videos_or_persons_seen_in_training_are_refused(tmp_path):
    folder = make_run(tmp_path / 'run', persons=('000', '860'))
    assert refusal(folder).startswith('1 of 140 persons of the test were seen')


def test_celeb_df_videos_seen_in_training_are_refused(tmp_path):
    folder = tmp_path / 'run'
    stem = 'ratf_r50_celeb_df'
    write_training(folder, stem, methods=('synthesis',), dataset=CELEB)
    seen = VideoKey(CELEB, 0, 'real', '', '000')
    predictions = [*celeb_predictions(177), VideoPrediction(seen, 0.1)]
    write_test(folder, stem, predictions)
    assert refusal(folder).startswith('1 of 518 videos of the test were seen')


def test_model_chosen_on_the_test_split_is_refused(tmp_path):
    options = {'val_dataloader.dataset.split': 'test'}
    folder = make_run(tmp_path / 'run', options=options)
    assert 'would choose the model on a test set' in refusal(folder)


def test_another_model_under_the_same_name_is_refused(tmp_path):
    options = {'model.backbone.ratf_cfg': {'num_basis': 4}}
    folder = make_run(tmp_path / 'run', options=options)
    assert refusal(folder).startswith(
        'its model is not that of configs/ratf_r50_ffpp_lq_df.py: '
        'model.backbone.ratf_cfg'
    )


def test_whole_frames_are_refused(tmp_path):
    folder = make_run(
        tmp_path / 'run', 'ratf_r50_ffpp_lq_uncropped', options={'methods': 'Deepfakes'}
    )
    assert 'reads FaceForensics, not prepared faces' in refusal(folder)


def test_weights_of_unknown_training_are_refused(tmp_path):
    folder = make_run(tmp_path / 'run')
    write_test(
        folder, 'ratf_r50_ffpp_lq_df', MADE_UP, checkpoint=tmp_path / 'other/best.pth'
    )
    assert refusal(folder) == (
        'what it was trained on is not known: no training in the folder of its '
        f'checkpoint, {tmp_path / "other/best.pth"}'
    )


def test_run_without_the_list_of_its_videos_is_refused(tmp_path):
    folder = make_run(tmp_path / 'run')
    (folder / 'training_videos.json').unlink()
    assert refusal(folder).startswith('what it was trained on is not known')


def test_checkpoint_of_another_folder_brings_its_own_training(tmp_path):
    """The folder that a test writes into is not what the weights were trained in."""
    trained = tmp_path / 'trained'
    write_training(trained, 'ratf_r50_ffpp_lq', methods=ALL)
    folder = make_run(tmp_path / 'run')
    write_test(
        folder, 'ratf_r50_ffpp_lq_df', MADE_UP, checkpoint=trained / 'best_epoch_3.pth'
    )
    assert places(folder) == [('3', 'RATF + CSA', 'FF++ DF')]


def test_folder_that_was_moved_still_knows_its_training(tmp_path):
    folder = make_run(tmp_path / 'run')
    folder.rename(tmp_path / 'away')  # other name: whose training that was is open
    assert 'not known' in refusal(tmp_path / 'away')
    (tmp_path / 'there').mkdir()
    (tmp_path / 'away').rename(tmp_path / 'there/run')
    assert len(places(tmp_path / 'there/run')) == 4


@pytest.mark.parametrize(
    ('changes', 'note'),
    [
        (
            {'options': {'train_cfg.max_epochs': 3}},
            'differs from configs/ratf_r50_ffpp_lq_df.py in train_cfg.max_epochs = 3 '
            '(45)',
        ),
        (
            {'weights': 'random (nothing pretrained, no checkpoint loaded)'},
            'began from random weights, the paper from ImageNet',
        ),
        (
            {'num_videos': 48},
            'trained on 48 real videos; the official training split has 720',
        ),
        (
            {
                'options': {
                    'val_cfg': None,
                    'val_dataloader': None,
                    'val_evaluator': None,
                }
            },
            'trained without validation',
        ),
    ],
)
def test_what_else_differs_is_a_footnote(tmp_path, changes, note):
    assert note in notes(make_run(tmp_path / 'run', **changes))


def test_last_checkpoint_and_threshold_are_footnotes(tmp_path):
    folder, stem = tmp_path / 'run', 'ratf_r50_ffpp_lq_df'
    write_training(folder, stem)
    last = folder / 'epoch_45.pth'
    write_test(folder, stem, MADE_UP, checkpoint=last, threshold=0.4, num_no_face=2)
    assert notes(folder) == (
        'accuracy at P(fake) >= 0.4',
        'of all its test videos 2 without a face and 0 not prepared, scored 0.5',
        'checkpoint epoch_45.pth, not the one that was best on validation',
    )


def test_path_of_the_data_and_of_the_weights_is_no_difference(tmp_path):
    options = {
        'data_root': '/elsewhere',
        'model.backbone.pretrained': 'resnet50.pth',
        'train_dataloader.num_workers': 2,
    }
    assert notes(make_run(tmp_path / 'run', options=options)) == ()


def test_sets_of_an_older_evaluation_keep_their_own_checkpoint(tmp_path):
    folder = tmp_path / 'run'
    write_training(folder, 'ratf_r50_ffpp_lq', methods=ALL)
    older = {'ffpp_lq': make_predictions(test_keys(ALL))}
    write_evaluation(folder, older, checkpoint=tmp_path / 'elsewhere/epoch_1.pth')
    write_evaluation(folder, {'celeb_df': celeb_predictions()})
    assert places(folder) == [('3', 'RATF + CSA', 'Celeb-DF')]
    ((_, reason),) = cells.collect([folder]).others
    assert 'what it was trained on is not known' in reason


def test_figures_without_a_checkpoint_stand_in_no_table(tmp_path):
    folder = make_run(tmp_path / 'run')
    write_figures(folder, MADE_UP)
    assert 'which is not told either' in refusal(folder)


def test_several_datasets_at_once_are_refused(tmp_path):
    folder = make_run(tmp_path / 'run')
    mixed = [*MADE_UP, *celeb_predictions()]
    write_figures(folder, mixed, checkpoint=folder / 'epoch_3.pth')
    assert 'several datasets or compressions at once' in refusal(folder)
