# TAM on FaceForensics++ LQ, under RATF's recipe.
_base_ = [
    '../_base_/models/tam_r50.py',
    '../_base_/datasets/ffpp_lq_spread.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
