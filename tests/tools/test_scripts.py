import os
import shutil
import stat
import subprocess

import pytest
from tool_runs import ROOT, run_tool

SCRIPTS = sorted((ROOT / 'tools').glob('*.sh'))
STARTERS = [path for path in SCRIPTS if path.name.startswith(('dist_', 'slurm_'))]


@pytest.mark.parametrize('script', STARTERS, ids=lambda path: path.name)
def test_missing_arguments_give_the_usage(script, tmp_path):
    assert 'usage: ' in run_tool(script, cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize('gpus', ['two', '0', '-1'])
@pytest.mark.parametrize(
    'words', [['dist_train.sh', 'c.py'], ['dist_test.sh', 'c.py', 'x.pth']]
)
def test_number_of_gpus_must_be_a_number(words, gpus, tmp_path):
    script = ROOT / 'tools' / words[0]
    done = run_tool(script, *words[1:], gpus, cwd=tmp_path, code=2)
    assert 'usage: ' in done.stderr


def stand_in(folder, name):
    """A program that prints its arguments, one a line, and the port it was told."""
    path = folder / name
    path.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\necho "port=$MASTER_PORT"\n')
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path


def test_one_machine_takes_a_free_port_and_keeps_arguments_whole(tmp_path):
    python = stand_in(tmp_path, 'python')
    words = ['my config.py', '2', '--cfg-options', "methods=['Face Swap']"]
    done = run_tool(
        ROOT / 'tools/dist_train.sh', *words, cwd=tmp_path, PYTHON=str(python)
    )
    assert done.stdout.splitlines()[:-1] == [
        str(ROOT / 'tools/start_processes.py'), '--standalone', '--nproc_per_node=2',
        str(ROOT / 'tools/train.py'), 'my config.py', '--launcher', 'pytorch',
        '--cfg-options', "methods=['Face Swap']",
    ]  # fmt: skip


def test_several_machines_meet_where_they_are_shown(tmp_path):
    python = stand_in(tmp_path, 'python')
    place = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='10.0.0.1', PORT='29511')
    words = ['c.py', 'best.pth', '8']
    done = run_tool(
        ROOT / 'tools/dist_test.sh', *words, cwd=tmp_path, PYTHON=str(python), **place
    )
    assert done.stdout.splitlines()[1:-1] == [
        '--nnodes=2', '--node_rank=1', '--master_addr=10.0.0.1', '--master_port=29511',
        '--nproc_per_node=8', str(ROOT / 'tools/test.py'), 'c.py', 'best.pth',
        '--launcher', 'pytorch',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('script', 'words', 'tool'),
    [
        ('slurm_train.sh', ['c.py'], 'train.py'),
        ('slurm_test.sh', ['c.py', 'best.pth'], 'test.py'),
    ],
)
def test_slurm_gets_one_task_a_gpu(script, words, tool, tmp_path):
    stand_in(tmp_path, 'srun')
    path = f'{tmp_path}:{os.environ["PATH"]}'
    done = run_tool(
        ROOT / 'tools' / script, 'part', 'job', *words, cwd=tmp_path, PATH=path,
        PYTHON='py', GPUS='4', SRUN_ARGS='--mem 8G', MASTER_PORT='12345',
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        '--partition=part', '--job-name=job', '--gres=gpu:4', '--ntasks=4',
        '--ntasks-per-node=4', '--cpus-per-task=5', '--kill-on-bad-exit=1',
        '--mem', '8G', 'py', '-u', str(ROOT / 'tools' / tool), *words,
        '--launcher', 'slurm', 'port=12345',
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which('shellcheck') is None, reason='no shellcheck here')
def test_scripts_are_clean():
    command = ['shellcheck', '-x', '-P', str(ROOT), *map(str, SCRIPTS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
