# V4D with its 4D blocks as in the public code, without norm and ReLU.
_base_ = ['v4d_ffpp_lq.py']

model = dict(backbone=dict(r4d_norm=False))
