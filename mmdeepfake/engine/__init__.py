from .alt_freezing_hook import AltFreezingHook
from .check_config_hook import CheckConfigHook
from .cpu_amp import CPUAmpOptimWrapper
from .forgery_view_hook import ForgeryViewHook
from .run_report_hook import RunReportHook
from .strict_checkpoint_hook import StrictCheckpointHook

__all__ = [
    'AltFreezingHook',
    'CPUAmpOptimWrapper',
    'CheckConfigHook',
    'ForgeryViewHook',
    'RunReportHook',
    'StrictCheckpointHook',
]
