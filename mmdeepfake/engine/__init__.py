from .alt_freezing_hook import AltFreezingHook
from .broken_sample_hook import BrokenSampleHook
from .check_config_hook import CheckConfigHook
from .cpu_amp import CPUAmpOptimWrapper
from .durable_backend import DurableBackend
from .durable_checkpoint_hook import DurableCheckpointHook
from .forgery_view_hook import ForgeryViewHook
from .repeatable_run_hook import RepeatableRunHook
from .run_report_hook import RunReportHook
from .strict_checkpoint_hook import StrictCheckpointHook

__all__ = [
    'AltFreezingHook',
    'BrokenSampleHook',
    'CPUAmpOptimWrapper',
    'CheckConfigHook',
    'DurableBackend',
    'DurableCheckpointHook',
    'ForgeryViewHook',
    'RepeatableRunHook',
    'RunReportHook',
    'StrictCheckpointHook',
]
