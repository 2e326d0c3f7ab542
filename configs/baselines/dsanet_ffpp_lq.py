# DSANet on FaceForensics++ LQ, under RATF's recipe.
_base_ = [
    '../_base_/models/dsanet_r50.py',
    '../_base_/datasets/ffpp_lq_3d.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
