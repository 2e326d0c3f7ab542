# A linear probe of VideoMAE: only the classifier is trained.
_base_ = ['video_mae_ffpp_lq.py']

model = dict(backbone=dict(frozen=True))
