# A linear probe of VideoMAE: of the whole model the classifier alone is trained.
_base_ = ['video_mae_ffpp_lq.py']

model = dict(backbone=dict(frozen=True))
