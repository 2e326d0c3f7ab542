# MiniFF with its faces and their landmarks prepared, for methods that read landmarks:
# python tools/prepare.py ffpp data/miniff --out data/miniff_faces --landmarks \
#     --compressions c40 --dataset-name MiniFF
_base_ = ['miniff.py']

data_root = 'data/miniff_faces'

crop_face_steps = [dict(type='CropFace')]
crop = [*crop_face_steps, *_base_.resize_steps]
train_frames = [*_base_.decode_steps, *crop, *_base_.flip_steps]
test_frames = [*_base_.decode_steps, *crop]
train_pipeline = [*_base_.sample_train, *train_frames, *_base_.pack]
test_pipeline = [*_base_.sample_test, *test_frames, *_base_.pack]
dataset = dict(
    type='DeepfakeDataset', data_root=data_root, prepared_from=['ffpp', 'data/miniff']
)
train_dataloader = dict(dataset=dict(**dataset, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(**dataset, pipeline=test_pipeline))
