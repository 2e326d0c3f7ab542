# Real videos of your own, prepared by
# python tools/prepare.py folder data/real data/real_faces
_base_ = ['ratf_csa_lite0_pseudo_fake.py']

data_root = 'data/real_faces'

train_dataloader = dict(dataset=dict(data_root=data_root, repeats=10))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
