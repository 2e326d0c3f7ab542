# FTCN on FaceForensics++ LQ under the recipe of its public settings, not RATF's. Faces
# are RATF's crops: the authors align each clip by one similarity of five points. At
# test eight windows, not all that overlap.
_base_ = [
    '../_base_/models/ftcn.py',
    '../_base_/datasets/ffpp_lq_clips32.py',
    '../_base_/schedules/warmup_cosine.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=16)
