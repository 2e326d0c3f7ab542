# Common to all runs: plug-in, hooks, environment, logs.
custom_imports = dict(imports=['mmdeepfake'], allow_failed_imports=False)
default_scope = 'mmaction'

default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=10, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='DurableCheckpointHook',
        interval=1,
        save_best='deepfake/auc',
        rule='greater',
        max_keep_ckpts=3,
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
)
custom_hooks = [
    dict(type='CheckConfigHook'),
    dict(type='RepeatableRunHook'),
    dict(type='StrictCheckpointHook'),
    dict(type='FiniteGradientsHook'),
    dict(type='RunReportHook'),
    dict(type='BasisUsageHook'),
    dict(type='BrokenSampleHook'),
]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # gloo without a GPU; a rank that waits longer for another one ends the run.
    dist_cfg=dict(backend='nccl', timeout=600),  # seconds
)
visualizer = dict(type='ActionVisualizer', vis_backends=[dict(type='LocalVisBackend')])
log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0, diff_rank_seed=False, deterministic=False)
