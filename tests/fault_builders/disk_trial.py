"""One tool run again and again on the same old files, while the disk fails."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from .disk_faults import DiskFault, disk_fault, refuse_more_than_a_message, run_here
from .left_files import read_folder, refuse_half_files
from .tool_scenarios import Scenario

OLD = b'{"what": "was there before"}\n'


class Trial:
    """A tool with its inputs, run again and again on the same old files."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.folder, self.out = folder, folder / 'out'
        self.words = self.scenario.make(folder)
        kept = read_folder(self.out) if self.out.exists() else {}
        code, said = self.run()
        assert code == 0, said
        self.after = read_folder(self.out)
        self.before = dict(kept)
        if self.scenario.fills:
            self.before |= {
                path: OLD
                for path in self.after
                if path not in kept and not path.endswith(('.log', '.lock'))
                and '/vis_data/' not in path
            }  # fmt: skip
        self.num_trials = 0

    def run(self):
        return run_here(self.scenario.tool, *self.words, cwd=self.folder)

    def restore(self):
        """Put back what was there before."""
        for path in self.out.glob('*'):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, content in self.before.items():
            path = self.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def check(self, code, said, told, *, may_pass=False):
        """Count the trial; return whether it failed as it should."""
        self.num_trials += 1
        if not (may_pass and code == 0):
            refuse_more_than_a_message(code, said, told)
        refuse_half_files(self.out, self.before, self.after, told)
        return code != 0

    def fail_at_each_step(self, *, lasting=True):
        """Let each operation that changes the folder fail; return how many, and failed.

        A folder that is there already needs no room, so not every run has to fail.
        """
        self.restore()
        with disk_fault(DiskFault(self.out)) as fault:
            code, said = self.run()
        assert code == 0, said
        num_steps, failed = fault.num_steps, 0
        for step in range(1, num_steps + 1):
            self.restore()
            number = (errno.ENOSPC, errno.EIO, errno.EDQUOT)[step % 3]
            with disk_fault(DiskFault(self.out, step, number=number, lasting=lasting)):
                code, said = self.run()
            told = f'operation {step} of {num_steps}'
            failed += self.check(code, said, told, may_pass=True)
        return num_steps, failed
