# Baseline: ResNet-18 on single frames; the frames' logits are averaged.
_base_ = ['ratf_r18.py']

# Scores are per snippet of 4 frames, as for the other models.
model = dict(clip_len=4, backbone=dict(_delete_=True, type='ResNet', depth=18))
