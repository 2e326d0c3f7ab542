# Xception with half the channels and two of eight middle blocks, from random weights.
_base_ = ['xception.py']

clip_len = 4

model = dict(
    # Scores are per snippet of 4 frames, as for the other models on small sets.
    type='SnippetRecognizer',
    clip_len=clip_len,
    backbone=dict(pretrained=None, num_middle_blocks=2, width_ratio=0.5),
    cls_head=dict(in_channels=1024),
)
