"""MMAction2's registries, re-exported for the rest of the package.

Our parts are registered directly in MMAction2's registries, under distinct names, so
that plain `type='RATFNet'` works in every config and tool of MMAction2. A child
registry would need its scope in each name.
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
