# DeeperForensics-1.0, without perturbations:
# python tools/prepare.py deeper_forensics data/deeper_forensics \
#     --out data/deeper_forensics_faces
_base_ = ['ffpp_lq.py']

data_root = 'data/deeper_forensics_faces'
methods = ['end_to_end']
compression = None

dataset = dict(
    data_root=data_root,
    prepared_from=['deeper_forensics', 'data/deeper_forensics'],
    methods=methods,
    compression=compression,
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
