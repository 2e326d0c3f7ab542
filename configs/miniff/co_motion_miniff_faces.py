# Co-motion, a reconstruction, on the built-in set, prepared with landmarks.
_base_ = [
    '../_base_/models/co_motion.py',
    '../_base_/datasets/miniff_faces.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]

num_pairs = 35  # one of the paper's numbers; its clips have 48 frames
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
    dict(**snippet, num_snippets=1, position='centred'),
    *_base_.test_frames,
    *pattern,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
