# DFDC, full: python tools/prepare.py dfdc data/dfdc --out data/dfdc_faces
_base_ = ['ffpp_lq.py']

data_root = 'data/dfdc_faces'
methods = None
compression = None

dataset = dict(
    data_root=data_root,
    prepared_from=['dfdc', 'data/dfdc'],
    methods=methods,
    compression=compression,
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
