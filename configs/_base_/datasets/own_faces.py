# Videos of your own, from folders or from a list:
# python tools/prepare.py folder data/own --out data/own_faces (or csv data/own.csv ...)
_base_ = ['ffpp_lq.py']

data_root = 'data/own_faces'
methods = None
compression = None

dataset = dict(
    data_root=data_root,
    prepared_from=['folder', 'data/own'],
    methods=methods,
    compression=compression,
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
