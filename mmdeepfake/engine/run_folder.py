"""MMEngine's Runner with a log folder of its own, and no silence when that is full."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process, master_only
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from mmdeepfake.files.atomic_write import name_output_in_errors, replace_text

NAME_FORMAT = '%Y%m%d_%H%M%S'  # MMEngine's


class RunFolderRunner(Runner):
    """Keeps its logs apart from those of every other run, whatever the clock says.

    MMEngine names the folder of a run's logs by the second. Two runs of one second
    would share it, and the second one would wipe out the first one's log.
    """

    def setup_env(self, env_cfg: dict) -> None:
        """Set up as MMEngine does, then take a name that nobody else has taken."""
        super().setup_env(env_cfg)
        names = [None]
        if is_main_process():
            names = [claim_log_folder(Path(self.work_dir))]
        broadcast_object_list(names)
        self._timestamp = names[0]

    @master_only
    def dump_config(self) -> None:
        """Write the config into the work folder, whole or not at all."""
        name = Path(self.cfg.filename or f'{self.timestamp}.py').name
        replace_text(Path(self.work_dir, name), self.cfg.pretty_text)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build it as MMEngine does; a log that cannot be written ends the run."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handleError = _raise_disk_fault(handler)
        return logger


def claim_log_folder(work_dir: Path) -> str:
    """Make the folder for a run's logs, named by the time; give its name.

    It comes after all that are there: who reads logs sorts them by name. So where the
    clock was set back, or the last run began in this very second, the name is one
    second later than that of the last run.
    """
    now = time.strftime(NAME_FORMAT)
    with name_output_in_errors(work_dir):
        work_dir.mkdir(parents=True, exist_ok=True)
        while True:
            name = max(now, _after_last(work_dir))
            try:
                (work_dir / name).mkdir()
            except FileExistsError:  # another run was faster
                continue
            return name


def _after_last(work_dir: Path) -> str:
    """Give the second after the latest folder's; '' where there is none."""
    times = []
    for path in work_dir.iterdir():
        with suppress(ValueError):  # another folder
            times.append(datetime.strptime(path.name, NAME_FORMAT))
    # By the calendar, since clocks go back an hour when summer time ends.
    return (max(times) + timedelta(seconds=1)).strftime(NAME_FORMAT) if times else ''


def _raise_disk_fault(
    handler: logging.FileHandler,
) -> Callable[[logging.LogRecord], None]:
    """Make the `handleError` of a log file, called while an error is handled.

    That of the standard library prints a traceback for each lost line and goes on.
    """

    def raise_disk_fault(record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            with name_output_in_errors(handler.baseFilename):
                raise error
        logging.FileHandler.handleError(handler, record)

    return raise_disk_fault
