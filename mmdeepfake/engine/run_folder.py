"""MMEngine's Runner with a unique log folder and errors for failed log writes."""

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
    """Runner with a log folder that no other run uses.

    MMEngine names it by the second, so two runs may share it and overwrite a log. With
    `quiet_console` in the config, only warnings and errors are logged to the console.
    """

    def setup_env(self, env_cfg: dict) -> None:
        """Set up as MMEngine does, then claim a unique folder name."""
        super().setup_env(env_cfg)
        names = [None]
        if is_main_process():
            names = [claim_log_folder(Path(self.work_dir))]
        broadcast_object_list(names)
        self._timestamp = names[0]

    @master_only
    def dump_config(self) -> None:
        """Write the config into the work folder atomically."""
        name = Path(self.cfg.filename or f'{self.timestamp}.py').name
        replace_text(Path(self.work_dir, name), self.cfg.pretty_text)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the logger; a failed write to its file ends the run."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handleError = _raise_disk_error(handler)
            elif self.cfg.get('quiet_console'):
                handler.setLevel(logging.WARNING)
        return logger


def claim_log_folder(work_dir: Path) -> str:
    """Create the folder for a run's logs, named by the time; return its name.

    Its name sorts after all existing ones, since readers sort logs by name. If the
    clock was set back, or the last run started in this second, it is one second after
    the last run.
    """
    now = time.strftime(NAME_FORMAT)
    with name_output_in_errors(work_dir):
        work_dir.mkdir(parents=True, exist_ok=True)
        while True:
            name = max(now, _after_last(work_dir))
            try:
                (work_dir / name).mkdir()
            except FileExistsError:  # by another run
                continue
            return name


def _after_last(work_dir: Path) -> str:
    """Return the second after the latest folder, or ''."""
    times = []
    for path in work_dir.iterdir():
        with suppress(ValueError):  # another folder
            times.append(datetime.strptime(path.name, NAME_FORMAT))
    # Calendar time, since clocks go back an hour when summer time ends.
    return (max(times) + timedelta(seconds=1)).strftime(NAME_FORMAT) if times else ''


def _raise_disk_error(
    handler: logging.FileHandler,
) -> Callable[[logging.LogRecord], None]:
    """Return a `handleError`; logging's own prints a traceback per line and goes on."""

    def handle_error(record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            with name_output_in_errors(handler.baseFilename):
                raise error
        logging.FileHandler.handleError(handler, record)

    return handle_error
