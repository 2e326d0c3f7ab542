# DeepRhythm, RATF's recipe on FaceForensics++ LQ. Needs landmarks and 300 consecutive
# frames: python tools/prepare.py ffpp data/ffpp --out data/ffpp_faces --landmarks
_base_ = [
    '../_base_/models/deep_rhythm.py',
    '../_base_/datasets/ffpp_lq.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

clip = dict(type='SampleSnippets', num_snippets=1, clip_len=_base_.clip_len)
maps = [
    dict(type='LoadFaceLandmarks'),
    dict(type='BuildMMSTMap'),
    *_base_.pack_inputs_steps,
]
train_pipeline = [
    dict(type='OpenVideo'),
    clip,
    *_base_.train_frames,
    *maps,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(**clip, position='centred'),
    *_base_.test_frames,
    *maps,
]
# Shorter videos and those without landmarks are skipped; the log and the results state
# the share of the other videos.
usable = dict(leave_out_unsuited=True)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, **usable))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, **usable))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, **usable))
