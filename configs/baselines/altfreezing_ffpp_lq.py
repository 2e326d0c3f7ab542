# AltFreezing, RATF's recipe on FaceForensics++ LQ: I3D on ResNet-50, its spatial and
# temporal kernels trained alternately. Its augmentations change the data and are off.
_base_ = ['i3d_r50_ffpp_lq.py']

custom_hooks = [
    *_base_.custom_hooks,
    dict(type='AltFreezingHook', num_spatial_frozen=20, num_temporal_frozen=1),
]
# For several processes: frozen kernels have no gradient.
find_unused_parameters = True
