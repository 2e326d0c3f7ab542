"""Runs the config checks under every tool, MMAction2's own included."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeepfake.registry import HOOKS

from ..config_checks import check_config


@HOOKS.register_module()
class CheckConfigHook(Hook):
    """Refuses a contradictory config before weights are fetched or a step is made."""

    def before_run(self, runner: Runner) -> None:
        """Check the config; datasets are built by now, weights not yet fetched."""
        check_config(runner.cfg)
