# Co-motion, a reconstruction, RATF's recipe on FaceForensics++ LQ, with faces
# prepared by --landmarks.
_base_ = [
    '../_base_/models/co_motion.py',
    '../_base_/datasets/ffpp_lq.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]

num_pairs = 70  # the "70" of Co-motion-70
snippet = dict(type='SampleSnippets', clip_len=num_pairs + 1, short_video='reflect')
# Instead of frames, the correlation of their motion.
pattern = [
    dict(type='LoadFaceLandmarks'),
    dict(type='ComputeLandmarkFlow'),
    dict(type='CoMotionPattern'),
    *_base_.pack_inputs_steps,
]
train_pipeline = [
    dict(type='OpenVideo'),
    dict(**snippet, num_snippets=1),
    *_base_.train_frames,
    *pattern,
]
test_pipeline = [
    dict(type='OpenVideo'),
    dict(**snippet, num_snippets=4, position='centred'),
    *_base_.test_frames,
    *pattern,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
