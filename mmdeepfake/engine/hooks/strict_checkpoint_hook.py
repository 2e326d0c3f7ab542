"""Reject a checkpoint of another architecture; MMEngine only warns."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner

from mmdeepfake.errors import DataError
from mmdeepfake.registry import HOOKS

NUM_LISTED = 3  # keys listed of each kind


@HOOKS.register_module()
class StrictCheckpointHook(Hook):
    """Compare the keys and shapes of a checkpoint with the model before loading.

    At test and on resume any difference is an error, since unmatched tensors would keep
    their random values. For fine-tuning (`load_from`) it is a warning.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare; the weights are loaded afterwards."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        weights = checkpoint.get('state_dict', checkpoint)
        difference = describe_difference(model.state_dict(), weights)
        if not difference:
            return
        source = runner._load_from or f'the latest of {runner.work_dir}'
        message = (
            f'checkpoint {source} does not match the architecture of the config '
            f'({describe_model(runner.cfg.model)}): {difference}.'
        )
        origin = describe_origin(checkpoint)
        if origin:
            message += f' It seems to be for {origin}.'
        # A loop is built from its config just before it runs.
        fine_tunes = isinstance(runner._train_loop, BaseLoop) and not runner._resume
        if fine_tunes:
            runner.logger.warning(f'{message} Other tensors keep their initial values.')
            return
        raise DataError(f'{message} Test or resume it with its own config')


def describe_difference(expected: Mapping, found: Mapping) -> str:
    """List missing keys, unexpected keys and wrong shapes; '' if there are none."""
    found = {re.sub(r'^module\.', '', key): value for key, value in found.items()}
    # Optional in MMEngine: old checkpoints lack this counter.
    missing = [key for key in expected if key not in found and 'num_batches' not in key]
    unexpected = [key for key in found if key not in expected]
    reshaped = [
        f'{key} {tuple(found[key].shape)} instead of {tuple(value.shape)}'
        for key, value in expected.items()
        if key in found and found[key].shape != value.shape
    ]
    parts = []
    for kind, keys in (
        ('missing keys', missing),
        ('unexpected keys', unexpected),
        ('wrong shapes', reshaped),
    ):
        if keys:
            more = ', ...' if len(keys) > NUM_LISTED else ''
            parts.append(f'{len(keys)} {kind} ({", ".join(keys[:NUM_LISTED])}{more})')
    return '; '.join(parts)


def describe_model(model: Mapping) -> str:
    """Describe a model: `RATFNet depth=50 + CrossSnippetAttention`."""
    words = []
    for part in ('backbone', 'neck', 'cls_head'):
        node = model.get(part)
        if isinstance(node, Mapping) and 'type' in node:
            depth = f' depth={node["depth"]}' if 'depth' in node else ''
            words.append(f'{node["type"]}{depth}')
    return ' + '.join(words) or str(model.get('type'))


def describe_origin(checkpoint: Mapping) -> str:
    """Describe the model of the config stored in a checkpoint; '' if it has none.

    The text is parsed, never executed: it is untrusted.
    """
    text = (checkpoint.get('meta') or {}).get('cfg')
    if not isinstance(text, str):
        return ''
    try:
        statements = ast.parse(text).body
    except SyntaxError:
        return ''
    for line in statements:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == 'model':
            return describe_model(_literal(line.value))
    return ''


def _literal(node: ast.expr) -> object:
    """Convert `dict(a=1, b=dict(...))` to a dict, and other expressions to None."""
    if isinstance(node, ast.Call):
        return {word.arg: _literal(word.value) for word in node.keywords}
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
