"""What the tools share: arguments, and errors as one line instead of a traceback."""

from __future__ import annotations

import argparse
import atexit
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import torch
from mmengine.config import Config, DictAction

from mmdeepfake.errors import InputError
from mmdeepfake.files.atomic_write import describe_disk_error
from mmdeepfake.files.checkpoint_reading import TRUST_VARIABLE
from mmdeepfake.files.printable_text import show_text

TRACEBACK_VARIABLE = 'MMDEEPFAKE_TRACEBACK'
EXIT_INPUT_ERROR = 2  # argparse's own code for a wrong command line


class OptionAction(DictAction):
    """MMEngine's `key=value` options, with a message where the `=` is missing."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Parse the pairs; the signature is argparse's."""
        for value in values:
            if '=' not in value:
                parser.error(f'{option_string} {value}: expected key=value')
        super().__call__(parser, namespace, values, option_string)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that training and testing have in common."""
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and results')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='settings that replace those of the config, as train_cfg.max_epochs=3 or '
        'methods="[\'FaceSwap\']"; data_root, methods and compression reach all three '
        'dataloaders',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes; without a GPU they talk over gloo',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load a checkpoint in full even if that runs code from the file',
    )
    add_traceback_argument(parser)


def add_traceback_argument(parser: argparse.ArgumentParser) -> None:
    """Add what every tool can be asked for: where an input error was found."""
    parser.add_argument(
        '--traceback',
        action='store_true',
        help='show where in the code an input error was found',
    )


def apply_run_arguments(cfg: Config, args: argparse.Namespace) -> None:
    """Set in the config, and in the environment, what the common arguments say."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.trust_checkpoint:
        os.environ[TRUST_VARIABLE] = '1'
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        stem = os.path.splitext(os.path.basename(args.config))[0]
        cfg.work_dir = os.path.join('work_dirs', stem)


def run_tool(main: Callable[[argparse.Namespace], None], args: Any) -> int:
    """Run a tool; an `InputError` becomes one line on stderr and exit code 2.

    So does a fault of the disk, wherever it came up.
    """
    hook, threading.excepthook = threading.excepthook, _tell_fault_of_thread
    try:
        main(args)
        sys.stdout.flush()  # the disk that it goes to may be full as well
    except (InputError, OSError) as error:
        message = _describe(error)
        if message is None:
            raise
        _give_up_full_output()
        if getattr(args, 'traceback', False) or os.environ.get(TRACEBACK_VARIABLE):
            traceback.print_exc()
        else:
            _yield_to_first_process()
            print(f'error: {show_text(message)}', file=sys.stderr, flush=True)
        return EXIT_INPUT_ERROR
    finally:
        threading.excepthook = hook
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        _end_distributed_process()
    return 0


def _describe(error: InputError | OSError) -> str | None:
    """Give the message of an error that a user can mend, None for any other."""
    if isinstance(error, InputError):
        return input_error_message(error)
    return describe_disk_error(error)


def _tell_fault_of_thread(fault: threading.ExceptHookArgs) -> None:
    """Tell of a full disk in one line, of anything else as Python does.

    TensorBoard writes in a thread; the main thread hears of it when it writes next.
    """
    error = fault.exc_value
    message = describe_disk_error(error) if isinstance(error, OSError) else None
    if message is None:
        threading.__excepthook__(fault)
    else:
        print(f'warning: {message}', file=sys.stderr, flush=True)


def _give_up_full_output() -> None:
    """Drop what cannot be printed, for Python flushes at its end and would complain."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, 'wb') as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _end_distributed_process() -> None:
    """End a process whose work is done, without C++'s own way of ending it.

    torch.distributed leaves threads that abort the process now and then while it is
    taken down, even after the group was destroyed; torchrun then reports a failed run
    whose work was done.
    """
    torch.distributed.destroy_process_group()
    atexit._run_exitfuncs()  # closes logs, ends the workers of data loaders
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def input_error_message(error: InputError) -> str:
    """Give the message that was raised, without what carried it here.

    A DataLoader worker sends its error as text, a traceback with the message at the
    end, and raises that text anew in the main process.
    """
    text = str(error)
    if 'Traceback (most recent call last)' not in text:
        return text
    kind = type(error)
    # A message may quote other errors; the one that was raised comes last.
    name = re.escape(f'{kind.__module__}.{kind.__qualname__}')
    starts = list(re.finditer(rf'^{name}: ', text, re.MULTILINE))
    return text[starts[-1].end() :].strip() if starts else text


def _yield_to_first_process() -> None:
    """Let the first of several processes with one fault speak alone.

    torchrun ends the others as soon as one has failed; a fault that only another
    process met is still printed, after this pause.
    """
    if int(os.environ.get('RANK', 0)) > 0:
        time.sleep(2)
