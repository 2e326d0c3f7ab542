"""Config checks for every tool, including MMAction2's own."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdeepfake.registry import HOOKS

from ..config_checks import check_config


@HOOKS.register_module()
class CheckConfigHook(Hook):
    """Reject a contradictory config before weights are downloaded."""

    def before_run(self, runner: Runner) -> None:
        """Check the config."""
        check_config(runner.cfg)
