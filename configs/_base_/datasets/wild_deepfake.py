# WildDeepfake, whose pictures are faces already:
# python tools/prepare.py wild_deepfake data/wild_deepfake \
#     --out data/wild_deepfake_faces
_base_ = ['ffpp_lq.py']

data_root = 'data/wild_deepfake_faces'
methods = None
compression = None

dataset = dict(
    data_root=data_root,
    prepared_from=['wild_deepfake', 'data/wild_deepfake'],
    methods=methods,
    compression=compression,
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
