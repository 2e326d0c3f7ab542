"""The same bytes from a Ray cluster of two nodes; a crash there costs one video."""

import os
import sys

import numpy as np
import pytest
from preparation_builders import encode, make_request, make_tree, snapshot
from stubs.stub_detector import DEADLY
from tool_runs import ROOT

from mmdeepfake.errors import ConfigError
from mmdeepfake.prepare.pipeline import run_preparation


@pytest.fixture(scope='module')
def cluster():
    """A cluster of two nodes of one CPU each, on this machine."""
    pytest.importorskip('ray', reason="needs Ray: pip install 'mmdeepfake[ray]'")
    from ray.cluster_utils import Cluster

    # The nodes have to find the stub detector; our own package they find by themselves.
    paths = [str(ROOT / 'tests'), os.environ.get('PYTHONPATH', '')]
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, paths)))
    cluster = Cluster(
        initialize_head=True,
        head_node_args={'num_cpus': 1, 'object_store_memory': 80_000_000},
    )
    cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
    yield cluster
    cluster.shutdown()
    monkeypatch.undo()


def test_cluster_of_two_nodes_gives_the_same_bytes(cluster, tmp_path):
    import ray

    root = make_tree(tmp_path / 'raw', names='abc')
    run_preparation(make_request(root, tmp_path / 'here'))
    request = make_request(
        root,
        tmp_path / 'faces',
        executor='ray',
        ray_address=cluster.address,
        num_workers=None,
    )
    summary = run_preparation(request)
    assert summary.num_prepared == 6
    assert not ray.is_initialized()
    assert snapshot(tmp_path / 'faces') == snapshot(tmp_path / 'here')
    assert run_preparation(request).num_prepared == 0


@pytest.mark.slow
def test_process_that_dies_on_the_cluster_costs_one_video(cluster, tmp_path):
    root = make_tree(tmp_path / 'raw', names='ab')
    frames = [np.full((120, 160, 3), DEADLY, np.uint8)] * 8
    encode(root / 'train/real/deadly.mp4', frames)
    request = make_request(
        root,
        tmp_path / 'faces',
        executor='ray',
        ray_address=cluster.address,
        num_workers=None,
    )
    summary = run_preparation(request)
    ((name, fault),) = summary.coverage.faults.items()
    assert name.endswith('deadly')
    assert fault.startswith('its process on the cluster died 2 times')
    assert summary.coverage.total.ok == 4


@pytest.mark.slow
def test_missing_package_on_the_cluster_stops_the_run(cluster, tmp_path):
    request = make_request(
        make_tree(tmp_path / 'raw', names='a'),
        tmp_path / 'faces',
        executor='ray',
        ray_address=cluster.address,
        num_workers=None,
        settings={'detector_options': {'needs': 'a package'}},
    )
    with pytest.raises(ConfigError, match='the stub needs a package'):
        run_preparation(request)


def test_missing_ray_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    root = make_tree(tmp_path / 'raw', names='a')
    with pytest.raises(ConfigError, match=r"pip install 'mmdeepfake\[ray\]'"):
        run_preparation(make_request(root, tmp_path / 'faces', executor='ray'))
