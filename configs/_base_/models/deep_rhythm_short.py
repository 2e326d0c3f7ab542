# DeepRhythm on 40 frames, for sets of short videos.
_base_ = ['deep_rhythm.py']

clip_len = 40

model = dict(backbone=dict(num_frames=clip_len))
