# The preview of DFDC, the paper's "DFDC":
# python tools/prepare.py dfdc_preview data/dfdc_preview --out data/dfdc_preview_faces
_base_ = ['ffpp_lq.py']

data_root = 'data/dfdc_preview_faces'
methods = None
compression = None

dataset = dict(
    data_root=data_root,
    prepared_from=['dfdc_preview', 'data/dfdc_preview'],
    methods=methods,
    compression=compression,
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
