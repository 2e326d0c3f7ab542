import functools
import hashlib
import json
import pickle
import sys
import zipfile
from dataclasses import replace

import onnx
import pytest
import torch
from export_builders import RATF, SMALL_FRAMES, TWO_SNIPPETS, make_checkpoint
from mmaction.structures import ActionDataSample

from mmdeepfake.engine.build import load_config
from mmdeepfake.errors import ConfigError, DataError, DataNotFoundError
from mmdeepfake.evaluation.operating_point import OperatingPoint
from mmdeepfake.export import (
    ExportedDetector,
    export_detector,
    graph_writers,
    read_metadata,
)
from mmdeepfake.export import export as export_module
from mmdeepfake.export.detector_graph import DetectorGraph
from mmdeepfake.export.export import describe_export, load_graph
from mmdeepfake.export.exported_detector import describe_failure
from mmdeepfake.export.graph_writers import write_file
from mmdeepfake.export.metadata import METADATA_KEY, SUFFIXES, ExportMetadata
from mmdeepfake.export.parity import check_parity
from mmdeepfake.export.predictor import load_exported_predictor
from mmdeepfake.inference.config_pipeline import Sampling
from mmdeepfake.inference.predictors import load_model, load_predictor

FORMATS = list(SUFFIXES)
POINT = OperatingPoint(0.7, 1.5, 0.05, 0.04, 0.8, 100, 100, 'MiniFF, val', 'ab' * 32)
every_format = pytest.mark.parametrize('file_format', FORMATS)


@pytest.fixture(scope='module')
def exported(ratf, tmp_path_factory):
    """Export a format once, with an operating point; return path and report.

    Two formats are written of one traced program: tracing takes long.
    """
    folder = tmp_path_factory.mktemp('export')
    POINT.write(folder / 'point.json')
    trace, traced = graph_writers.trace_program, []

    def trace_once(graph, metadata):
        if not traced:
            program = trace(graph, metadata)
            traced.extend((program, program.example_inputs))
        program, program.example_inputs = traced  # a writer replaces them
        return program

    @functools.cache
    def export(file_format):
        out = folder / f'detector{SUFFIXES[file_format]}'
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(graph_writers, 'trace_program', trace_once)
            return out, export_small(
                ratf, out, file_format, operating_point=folder / 'point.json'
            )

    return export


def export_small(ratf, out, file_format, **options):
    options |= dict(file_format=file_format, opset=18, cfg_options=dict(RATF[1]))
    return export_detector(ratf[0], str(ratf[1]), out, **options)


@pytest.fixture(scope='module')
def cfg(ratf):
    return load_config(ratf[0], dict(RATF[1]))


@pytest.fixture
def graph(ratf, cfg):
    return load_graph(cfg, str(ratf[1]))


@pytest.fixture(scope='module')
def score_as_tested(ratf, cfg):
    """Return a function for P(fake) of videos and snippets by the recognizer itself."""
    model = load_model(cfg, ratf[1])[0].train(False)

    @torch.no_grad()
    def score(frames):
        videos = [video.flatten(0, 1) for video in frames]
        samples = [ActionDataSample() for _ in videos]
        found = model.test_step({'inputs': videos, 'data_samples': samples})
        scores = torch.stack([sample.pred_score[1] for sample in found])
        return scores, torch.stack([sample.snippet_scores for sample in found])

    return score


def make_frames(num_videos, num_snippets, seed=7):
    """Patches of colour, so that videos differ in more than their noise."""
    torch.manual_seed(seed)
    coarse = torch.randint(0, 256, (num_videos * num_snippets * 4, 3, 4, 4)).float()
    frames = torch.nn.functional.interpolate(coarse, size=(32, 32)).to(torch.uint8)
    return frames.unflatten(0, (num_videos, num_snippets, 4))


def copy_model(exported, tmp_path, edit):
    """An edited copy of the ONNX file."""
    model = onnx.load(exported('onnx')[0])
    edit(model)
    path = tmp_path / 'edited.onnx'
    path.write_bytes(model.SerializeToString())
    return path


@every_format
def test_file_scores_as_the_model_does_on_shapes_that_it_never_saw(
    exported, score_as_tested, file_format
):
    detector = ExportedDetector(exported(file_format)[0], trust=True)
    for shape in ((4, 3), (1, 5)):
        frames = make_frames(*shape)
        videos, snippets = score_as_tested(frames)
        assert snippets.std() > 1e-3
        found = detector(frames)
        torch.testing.assert_close(found.fake_scores, videos, atol=1e-4, rtol=0)
        torch.testing.assert_close(found.snippet_scores, snippets, atol=1e-4, rtol=0)
        by_logits = found.logits.softmax(dim=-1)[:, 1]
        torch.testing.assert_close(by_logits, videos, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_compact_network_is_exported(tmp_path):
    width = dict.fromkeys(
        ['model.neck.in_channels', 'model.cls_head.in_channels'], 1280
    )
    backbone = dict(_delete_=True, type='RATFLite0', clip_len=4)
    options = {**SMALL_FRAMES, **TWO_SNIPPETS, **width, 'model.backbone': backbone}
    config, weights = make_checkpoint(tmp_path, RATF[0], options)
    report = export_detector(
        config,
        str(weights),
        tmp_path / 'lite0.onnx',
        file_format='onnx',
        opset=18,
        cfg_options=options,
    )
    # It raises if the file's scores differ from the model's.
    assert 'RATFLite0 + CrossSnippetAttention + TSNHead' in report.describe()
    assert {(c['num_videos'], c['num_snippets']) for c in report.checks} >= {(3, 3)}


@every_format
def test_file_has_its_metadata(exported, ratf, file_format):
    path, report = exported(file_format)
    metadata = read_metadata(path)
    sha256 = hashlib.sha256(ratf[1].read_bytes()).hexdigest()
    assert metadata == report.metadata
    assert (metadata.config, metadata.checkpoint_sha256) == (
        'ratf_r18_miniff.py',
        sha256,
    )
    assert (metadata.height, metadata.width, metadata.clip_len) == (32, 32, 4)
    assert (metadata.num_snippets, metadata.snippet_step, metadata.stride_frames) == (
        2,
        1,
        1,
    )
    assert metadata.mean == pytest.approx((123.675, 116.28, 103.53))
    assert (metadata.threshold, metadata.temperature) == (0.7, 1.5)
    assert metadata.is_calibrated
    assert metadata.outputs == ('fake_scores', 'logits', 'snippet_scores')
    assert metadata.opset == (18 if file_format == 'onnx' else None)


@every_format
def test_report_is_beside_the_file(exported, file_format):
    path, report = exported(file_format)
    record = json.loads(path.with_name(f'{path.name}.json').read_text())
    assert record['passed']
    assert record['size_bytes'] == path.stat().st_size
    assert record['sha256'] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(c['num_videos'], c['num_snippets']) for c in record['checks']] == [
        (1, 2), (2, 2), (3, 3), (1, 1),
    ]  # fmt: skip
    convolutions = [name for name in record['operators'] if 'conv' in name.lower()]
    assert convolutions
    assert 'RATFNet depth=18 + CrossSnippetAttention + TSNHead' in report.describe()
    assert 'snippets    any number' in report.describe()


def test_onnx_has_named_axes_and_its_metadata(exported):
    model = onnx.load(exported('onnx')[0])
    (frames,) = model.graph.input
    dims = frames.type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == [
        'videos', 'snippets', 4, 3, 32, 32,
    ]  # fmt: skip
    (version,) = [s.version for s in model.opset_import if s.domain == '']
    assert version == 18
    assert [field.key for field in model.metadata_props] == [METADATA_KEY]


@pytest.mark.parametrize('file_format', ['torchscript', 'torch_export'])
def test_formats_that_are_programs_need_trust(exported, monkeypatch, file_format):
    monkeypatch.delenv('MMDEEPFAKE_TRUST_CHECKPOINT', raising=False)
    path, _ = exported(file_format)
    with pytest.raises(DataError, match='MMDEEPFAKE_TRUST_CHECKPOINT=1'):
        ExportedDetector(path)
    monkeypatch.setenv('MMDEEPFAKE_TRUST_CHECKPOINT', '1')
    assert ExportedDetector(path)(make_frames(1, 2)).fake_scores.shape == (1,)


class Bomb:
    def __reduce__(self):
        return print, ('the file was run',)


@pytest.mark.parametrize('suffix', ['.torchscript', '.pt2'])
def test_metadata_are_read_without_running_the_file(tmp_path, capsys, suffix):
    path = tmp_path / f'bomb{suffix}'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('bomb/data.pkl', pickle.dumps(Bomb()))
        archive.writestr('bomb/data/sample_inputs/model.pt', pickle.dumps(Bomb()))
    with pytest.raises(DataError, match='no mmdeepfake fields'):
        ExportedDetector(path)
    assert 'the file was run' not in capsys.readouterr().out


@pytest.mark.parametrize(
    ('frames', 'message'),
    [
        (make_frames(1, 2).float(), 'type torch.float32 .* need uint8'),
        (make_frames(1, 2)[:, :, :3], r'need \(videos, snippets, 4, 3, 32, 32\)'),
        (make_frames(1, 2)[0], r'frames of shape \(2, 4, 3, 32, 32\)'),
        (make_frames(1, 2)[:0], r'frames of shape \(0, 2, 4'),
        (make_frames(1, 2)[:, :0], '^0 snippets per video'),
    ],
)
def test_frames_of_another_kind_are_refused(exported, frames, message):
    detector = ExportedDetector(exported('onnx')[0])
    with pytest.raises(DataError, match=message):
        detector(frames)


def test_snippets_that_a_model_groups_must_make_whole_groups(exported):
    grouped = replace(exported('onnx')[1].metadata, snippet_step=4)
    grouped.check_num_snippets(12)
    with pytest.raises(DataError, match=r'6 snippets .* multiples of 4'):
        grouped.check_num_snippets(6)
    fixed = replace(grouped, snippet_step=None)
    fixed.check_num_snippets(2)
    with pytest.raises(DataError, match=r'4 snippets .* 2 only'):
        fixed.check_num_snippets(4)


def test_missing_foreign_and_broken_files_are_refused(exported, tmp_path):
    with pytest.raises(DataNotFoundError, match='no such exported file'):
        read_metadata(tmp_path / 'none.onnx')
    other = tmp_path / 'weights.bin'
    other.write_bytes(b'')
    with pytest.raises(DataError, match=r'weights.bin: .*\.onnx, \.torchscript, \.pt2'):
        read_metadata(other)
    cut = tmp_path / 'cut.onnx'
    cut.write_bytes(exported('onnx')[0].read_bytes()[:-1000])
    with pytest.raises(DataError, match=r'cut\.onnx is not an ONNX file'):
        read_metadata(cut)
    broken = tmp_path / 'broken.pt2'
    broken.write_bytes(b'PK\3\4 and no more')
    with pytest.raises(DataError, match=r'broken\.pt2 is not a torch archive'):
        read_metadata(broken)


def test_onnx_of_another_program_is_refused(exported, tmp_path):
    foreign = copy_model(exported, tmp_path, lambda m: m.ClearField('metadata_props'))
    with pytest.raises(DataError, match='was not written by tools'):
        ExportedDetector(foreign)


def test_weights_in_other_files_are_never_opened(exported, tmp_path):
    outside = onnx.TensorProto(name='x', dims=[1], data_type=1)
    outside.data_location = onnx.TensorProto.EXTERNAL
    outside.external_data.add(key='location', value='../../etc/passwd')
    inner = onnx.helper.make_graph([], 'inner', [], [], initializer=[outside])
    constant = onnx.helper.make_node('Constant', [], ['c'], value=outside)
    branch = onnx.helper.make_node('If', ['c'], ['d'], then_branch=inner)
    for edit in (
        lambda model: model.graph.initializer.append(outside),
        lambda model: model.graph.node.append(constant),
        lambda model: model.graph.node.append(branch),
    ):
        with pytest.raises(DataError, match='weights in other files'):
            ExportedDetector(copy_model(exported, tmp_path, edit))


def test_suffix_and_format_must_agree(exported, tmp_path):
    path, _ = exported('onnx')
    text = read_metadata(path).to_json().replace('"onnx"', '"torchscript"', 1)

    def rename(model):
        model.metadata_props[0].value = text

    with pytest.raises(DataError, match=r"edited\.onnx: .*'torchscript'"):
        read_metadata(copy_model(exported, tmp_path, rename))


def test_broken_graph_is_named(exported, tmp_path):
    def break_graph(model):
        model.graph.node[0].op_type = 'NoSuchOperator'

    with pytest.raises(DataError, match=r'ONNX Runtime .* cannot open .*\.onnx: '):
        ExportedDetector(copy_model(exported, tmp_path, break_graph))


def test_later_and_broken_metadata_are_refused():
    with pytest.raises(DataError, match='version 2, supported is 1'):
        ExportMetadata.from_json('{"layout_version": 2}', source='a.onnx')
    with pytest.raises(DataError, match=r'a\.onnx: invalid mmdeepfake fields'):
        ExportMetadata.from_json('{"layout_version": 1}', source='a.onnx')


def test_device_that_is_not_there_is_refused(exported):
    with pytest.raises(ConfigError, match=r'this ONNX Runtime has .*CPUExecution'):
        ExportedDetector(exported('onnx')[0], device='cuda')


@pytest.mark.parametrize('name', ['onnx', 'onnxruntime'])
def test_package_that_is_not_there_is_named(exported, monkeypatch, name):
    path, _ = exported('onnx')
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=f'needs the package {name}: pip install'):
        ExportedDetector(path)


@pytest.fixture
def wrong_writer(exported, monkeypatch):
    """A writer whose file has other weights than the model."""
    content = exported('torchscript')[0].read_bytes()  # by the true writer

    def write(graph, metadata, path):
        path.write_bytes(content)
        graph.model.cls_head.fc_cls.bias.data[1] += 0.02
        return {}

    monkeypatch.setattr(export_module, 'write_file', write)


def test_file_with_other_numbers_is_not_left(ratf, wrong_writer, tmp_path):
    out = tmp_path / 'out/detector.torchscript'
    with pytest.raises(DataError, match=r'more than 0.0001 (.|\n)*FAIL'):
        export_small(ratf, out, 'torchscript')
    assert not list(out.parent.iterdir())
    assert not export_small(ratf, out, 'torchscript', keep_failing=True).passed
    record = json.loads((out.parent / 'detector.torchscript.json').read_text())
    assert not record['passed']
    assert record['checks'][0]['score_difference'] > 1e-4


def test_parity_sees_a_difference_that_saturated_scores_hide(exported, graph):
    path, _ = exported('onnx')
    assert all(check.passed for check in check_parity(ExportedDetector(path), graph))
    # Both logits alike: the softmax is the same, the graph is not.
    graph.model.cls_head.fc_cls.bias.data += 1
    checks = check_parity(ExportedDetector(path), graph)
    assert max(check.score_difference for check in checks) <= 1e-4
    assert not any(check.passed for check in checks)


def test_file_that_does_not_run_on_a_shape_fails_the_check(
    exported, graph, monkeypatch
):
    detector = ExportedDetector(exported('onnx')[0])

    def fail(frames):
        raise RuntimeError('bad shape\nat node 7')

    monkeypatch.setattr(detector, '_session', fail)
    checks = check_parity(detector, graph)
    assert [check.fault for check in checks] == ['RuntimeError: bad shape'] * 4
    assert not any(check.passed for check in checks)


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('a\nb', 'ValueError: a'),
        ('', 'ValueError'),
        ('failed in the TorchScript interpreter.\nx\nreason', 'ValueError: reason'),
    ],
)
def test_failure_is_described_in_one_line(text, line):
    assert describe_failure(ValueError(text)) == line


def test_model_that_asks_for_values_is_refused_by_name(
    ratf, cfg, graph, tmp_path, monkeypatch
):
    metadata = describe_export(
        graph, cfg, str(ratf[1]), file_format='torch_export', opset=None
    )

    def branch(self, frames):
        mean = frames.float().mean()
        return (mean if mean > 0 else -mean,)

    monkeypatch.setattr(DetectorGraph, 'forward', branch)
    with pytest.raises(ConfigError, match=r'RATFNet .* cannot be exported as t'):
        write_file(graph, metadata, tmp_path / 'a.pt2')


def test_inference_takes_a_file_instead_of_a_checkpoint(exported, cfg, score_as_tested):
    path, _ = exported('onnx')
    sampling = Sampling(num_snippets=2, clip_len=4, stride_frames=1)
    predictor = load_predictor(cfg, path, sampling, torch.device('cpu'))
    long, short = make_frames(2, 8), make_frames(1, 3)
    groups = [long[0].flatten(0, 1), short[0].flatten(0, 1), long[1].flatten(0, 1)]
    found = predictor.predict(groups)
    videos, snippets = score_as_tested(long)
    for place, row in ((0, 0), (2, 1)):
        assert found[place].fake_score == pytest.approx(videos[row].item(), abs=1e-4)
        assert found[place].snippet_scores == pytest.approx(
            tuple(snippets[row].tolist()), abs=1e-4
        )
    assert len(found[1].snippet_scores) == 3
    facts = predictor.describe()
    assert [facts[name] for name in ('kind', 'threshold', 'file')] == [
        'onnx', 0.7, path.name,
    ]  # fmt: skip
    with pytest.raises(ConfigError, match='heat maps need'):
        predictor.explain(groups[0])


def test_predictor_refuses_the_config_of_other_frames(exported, ratf):
    path, _ = exported('onnx')
    with pytest.raises(ConfigError, match='height = 32, '):
        load_exported_predictor(load_config(ratf[0]), path, torch.device('cpu'))
