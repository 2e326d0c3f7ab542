"""What MMEngine's Runner gets from us: hooks, resume, checks, reports of runs."""

from mmdeepfake.lazy_names import import_on_demand

_HOMES = {
    'AltFreezingHook': '.hooks.alt_freezing_hook',
    'BasisUsageHook': '.hooks.basis_usage_hook',
    'BrokenSampleHook': '.hooks.broken_sample_hook',
    'CPUAmpOptimWrapper': '.cpu_amp',
    'ChannelsLastHook': '.hooks.channels_last_hook',
    'CheckConfigHook': '.hooks.check_config_hook',
    'DurableBackend': '.durable_backend',
    'DurableCheckpointHook': '.hooks.durable_checkpoint_hook',
    'FiniteGradientsHook': '.hooks.finite_gradients_hook',
    'ForgeryViewHook': '.hooks.forgery_view_hook',
    'RepeatableRunHook': '.hooks.repeatable_run_hook',
    'RunReportHook': '.hooks.run_report_hook',
    'StrictCheckpointHook': '.hooks.strict_checkpoint_hook',
}
__all__ = sorted(_HOMES)
__getattr__ = import_on_demand(__name__, _HOMES)
