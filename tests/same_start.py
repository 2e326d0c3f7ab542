"""What every process and every test starts from."""

import os
import random

import numpy as np
import torch
from config_reading import read_each_file_once
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from mmdeepfake.commands.command_line import TRACEBACK_VARIABLE
from mmdeepfake.files.checkpoint_reading import TRUST_VARIABLE

NUMPY_START = np.random.RandomState(0).get_state()  # seeding takes much longer


def prepare_process():
    """Leave out what the user's shell sets, and read each config once."""
    for name in (TRACEBACK_VARIABLE, TRUST_VARIABLE):
        os.environ.pop(name, None)
    read_each_file_once()


def start_alike():
    """Set what a test may change for others back to where all of them start."""
    MMLogger._instance_dict.clear()  # the last run's may write to a closed file
    init_default_scope('mmaction')
    random.seed(0)
    np.random.set_state(NUMPY_START)
    # torch.manual_seed formats the stack, for a GPU that is not there: a millisecond.
    torch.default_generator.manual_seed(0)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(0)
