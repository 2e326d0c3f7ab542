"""A small RATF network and tiny forged videos, for pictures and training views."""

import json

import torch
from builders import make_ffpp_tree
from tool_runs import ROOT

from mmdeepfake.engine.build import load_config
from mmdeepfake.registry import MODELS

METHODS = ['Deepfakes', 'FaceSwap']
WITHOUT_CSA = str(ROOT / 'configs/miniff/ratf_no_csa_r18_miniff.py')
WITH_CSA = str(ROOT / 'configs/miniff/ratf_r18_miniff.py')
# The first two stages of the network and two snippets a video: quick.
SMALL = {
    'model.backbone.num_stages': 2,
    'model.backbone.strides': (1, 2),
    'model.backbone.dilations': (1, 1),
    'model.backbone.out_indices': (1,),
    'model.backbone.ratf_stages': (True, True),
    'model.cls_head.in_channels': 128,
    'methods': METHODS,
    'train_dataloader.dataset.pipeline.1.num_snippets': 1,
    'val_dataloader.dataset.pipeline.1.num_snippets': 2,
    'test_dataloader.dataset.pipeline.1.num_snippets': 2,
}


def make_masked_tree(root):
    """FaceForensics++'s folders with masks, tiny, of two manipulations."""
    return make_ffpp_tree(root, methods=METHODS, masks=True)


def save_small_checkpoint(path, config, data_root):
    """Save random weights of the small network; hand back [config, path]."""
    model = MODELS.build(load_config(config, options_of(config, data_root)).model)
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), path)
    return [config, str(path)]


def options_of(config, data_root):
    """--cfg-options that make a config small and name its data."""
    options = {'data_root': str(data_root), **SMALL}
    if config == WITH_CSA:
        options['model.neck.in_channels'] = 128
    return options


def write_log(path, *records):
    """Write a training log as MMEngine does."""
    path.write_text(''.join(json.dumps(record) + '\n' for record in records))
    return path


def train(step, loss=0.5):
    return {'loss': loss, 'lr': 1e-3, 'epoch': 1, 'iter': step, 'step': step}


def val(auc, step=0):
    return {'deepfake/auc': auc, 'deepfake/acc': 0.5, 'time': 0.1, 'step': step}
