"""Small detectors with weights, as `tools/export.py` takes them."""

from __future__ import annotations

import torch
from mmengine.registry import init_default_scope
from tool_runs import ROOT
from torch import nn

from mmdeepfake.engine.build import load_config
from mmdeepfake.models.backbones import RATFNet
from mmdeepfake.models.backbones.temporal_resnet import TemporalBasicBlock
from mmdeepfake.registry import MODELS


@MODELS.register_module()
class OneBlockRATFNet(RATFNet):
    """A RATFNet with one block a stage: the time of an export goes by their number."""

    arch_settings = {18: (TemporalBasicBlock, (1, 1, 1, 1))}  # noqa: RUF012


ONE_STAGE = {
    'model.backbone.num_stages': 1,
    'model.backbone.strides': (1,),
    'model.backbone.dilations': (1,),
    'model.backbone.out_indices': (0,),
    'model.backbone.pretrained': None,
    'model.cls_head.in_channels': 64,
}
SMALL_FRAMES = {'test_dataloader.dataset.pipeline.4.scale': (32, 32)}
TWO_SNIPPETS = {'test_dataloader.dataset.pipeline.1.num_snippets': 2}
RATF = (
    'miniff/ratf_r18_miniff.py',
    {
        **ONE_STAGE,
        **SMALL_FRAMES,
        **TWO_SNIPPETS,
        'model.backbone.type': 'OneBlockRATFNet',
        'model.backbone.ratf_stages': (True,),
        'model.neck.in_channels': 64,
    },
)


def make_checkpoint(folder, name, options):
    """Save weights whose scores differ from frame to frame; return both paths.

    Batch normalisation gets statistics as after training, and the classifier is small
    enough that no score is rounded to 0 or 1.
    """
    path = ROOT / 'configs' / name
    cfg = load_config(path, dict(options))
    torch.manual_seed(0)
    init_default_scope('mmaction')
    model = MODELS.build(cfg.model)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    nn.init.normal_(model.cls_head.fc_cls.weight, std=0.1)
    checkpoint = folder / f'{path.stem}.pth'
    torch.save({'state_dict': model.state_dict()}, checkpoint)
    return path, checkpoint
