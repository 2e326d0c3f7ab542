# MiniFF with its faces and their landmarks prepared, for methods that read landmarks:
# python tools/prepare.py ffpp data/miniff data/miniff_faces --landmarks \
#     --compressions c40 --dataset-name MiniFF
_base_ = ['miniff.py']

data_root = 'data/miniff_faces'

crop = [dict(type='CropFace'), _base_.crop[1]]
train_pipeline = [
    *_base_.train_pipeline[:3],
    *crop,
    *_base_.train_pipeline[3 + len(crop) :],
]
test_pipeline = [
    *_base_.test_pipeline[:3],
    *crop,
    *_base_.test_pipeline[3 + len(crop) :],
]
dataset = dict(
    type='DeepfakeDataset', data_root=data_root, prepared_from=['ffpp', 'data/miniff']
)
train_dataloader = dict(dataset=dict(**dataset, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(**dataset, pipeline=test_pipeline))
