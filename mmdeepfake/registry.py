"""MMAction2's registries, under the names that the rest of the package imports.

Our parts are registered straight into MMAction2's registries, under names of their
own, so that plain `type='RATFNet'` works in every config and with every tool of
MMAction2. A child registry with a scope of its own would need that scope in each name
as soon as MMAction2's own tools are used.
"""

from mmaction.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    TRANSFORMS,
)

__all__ = ['DATASETS', 'DATA_SAMPLERS', 'HOOKS', 'METRICS', 'MODELS', 'TRANSFORMS']
