"""What is imported when: tools start at once, and parts are registered in time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tool_runs import ROOT

# Each takes a large part of a second to import, or more.
SLOW = ('torch', 'mmengine', 'mmaction', 'mmcv', 'matplotlib', 'scipy', 'onnxruntime')
# torchrun's own parser needs torch.
TOOLS = sorted({path.name for path in ROOT.glob('tools/*.py')} - {'start_processes.py'})
ASK_FOR_HELP = f"""
import contextlib, io, json, runpy, sys
found, before = {{}}, sys.path[:]
for tool in {TOOLS}:
    sys.argv, sys.path = [tool, '--help'], before[:]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        with contextlib.suppress(SystemExit):
            runpy.run_path(f'{ROOT}/tools/{{tool}}', run_name='__main__')
    assert 'usage: ' in out.getvalue(), tool
    found[tool] = [name for name in {SLOW} if name in sys.modules]
print(json.dumps(found))
"""
FIND_BY_REGISTRY = """
import sys
import mmdeepfake
assert 'mmengine' not in sys.modules
from mmaction import registry
from mmengine.registry import MODELS, init_default_scope
for kind, name in {
    'DATASETS': 'DeepfakeDataset',
    'HOOKS': 'CheckConfigHook',
    'METRICS': 'DeepfakeMetric',
    'MODELS': 'RATFNet',
    'OPTIM_WRAPPERS': 'CPUAmpOptimWrapper',
    'TRANSFORMS': 'SampleSnippets',
}.items():
    assert getattr(registry, kind).get(name).__module__.startswith('mmdeepfake'), name
init_default_scope('mmaction')
MODELS.build(dict(type='CrossSnippetAttention', in_channels=8, clip_len=4))
import mmaction.models
from mmaction.datasets.transforms import pose_transforms
import mmcv.image.io
import mmengine.runner
DEFERRED = 'scipy.stats', 'tifffile', 'yapf', 'sympy', 'torch.distributed.fsdp'
assert [name for name in DEFERRED if name in sys.modules] == []
assert pose_transforms.get_mode([1, 2, 2]).mode == [2]
import scipy.stats.distributions
assert scipy.stats.norm.cdf(0) == 0.5
from mmengine.config import Config
assert Config(dict(a=1)).pretty_text == 'a = 1\\n'
assert mmcv.image.io.tifffile.imread is __import__('tifffile').imread
"""
TRAIN_ON_SHARDS = """
import sys
import mmdeepfake.registration
from mmengine.registry import MODEL_WRAPPERS, OPTIMIZERS, STRATEGIES
assert 'torch.distributed.fsdp' not in sys.modules
wrapper = MODEL_WRAPPERS.get('MMFullyShardedDataParallel')
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.distributed.optim import ZeroRedundancyOptimizer
assert issubclass(wrapper, FullyShardedDataParallel)
assert issubclass(OPTIMIZERS.get('ZeroRedundancyOptimizer'), ZeroRedundancyOptimizer)
import mmengine.model.wrappers, mmengine.optim, mmengine._strategy
assert mmengine.model.MMFullyShardedDataParallel is wrapper
assert mmengine.optim.ZeroRedundancyOptimizer in OPTIMIZERS.module_dict.values()
assert mmengine._strategy.FSDPStrategy is STRATEGIES.get('FSDPStrategy')
"""
LOAD_CONFIG = """
import sys
from mmengine.config import Config
assert 'mmdeepfake' not in sys.modules
Config.fromfile(CONFIG)
assert 'RATFNet' in sys.modules['mmaction.registry'].MODELS.module_dict
from mmengine.dist import utils
assert hasattr(utils._init_dist_pytorch, '__wrapped__')  # a fix of ours
"""
FORK = """
import os, sys, traceback
import torch  # takes long, and stands in for nothing that the programs look at
config, *programs = sys.argv[1:]
for program in programs:
    if os.fork() == 0:
        try:
            exec(program, {'CONFIG': config})
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.wait()[1] == 0
"""

# Modules whose work needs no network.
LIGHT = [
    'commands.compare',
    'commands.report',
    'commands.validate',
    'miniff.render',
    'prepare.execution.local_processes',
    'prepare.pipeline',
    'video.isolation.decoder_worker',
]
IMPORT_LIGHT = f"""
import importlib, json, sys
found = {{}}
for module in {LIGHT}:
    importlib.import_module(f'mmdeepfake.{{module}}')
    found[module] = [name for name in {SLOW} if name in sys.modules]
print(json.dumps(found))
"""


def run_python(program, *words):
    """Run a program in a fresh interpreter and return its output."""
    done = subprocess.run(
        [sys.executable, '-c', program, *words],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'MultiScaleDeformableAttention' not in done.stderr  # of mmcv-lite
    return done.stdout


def test_help_of_every_tool_loads_nothing_slow():
    assert json.loads(run_python(ASK_FOR_HELP)) == {tool: [] for tool in TOOLS}


def test_work_without_a_network_loads_none_of_its_packages():
    assert json.loads(run_python(IMPORT_LIGHT)) == {module: [] for module in LIGHT}


def test_parts_are_registered_quietly_by_a_registrys_first_use_and_by_a_config(
    tmp_path,
):
    """And what few runs need is there when it is used, not before."""
    config = tmp_path / 'config.py'
    config.write_text("custom_imports = dict(imports=['mmdeepfake'])\n")
    run_python(FORK, str(config), FIND_BY_REGISTRY, TRAIN_ON_SHARDS, LOAD_CONFIG)
