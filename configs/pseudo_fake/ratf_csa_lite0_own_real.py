# Real videos of your own, in data/my_real/{train,val}/real, prepared by
# python tools/prepare.py folder data/my_real --out data/my_real_faces
_base_ = ['ratf_csa_lite0_pseudo_fake.py']

data_root = 'data/my_real_faces'

dataset = dict(data_root=data_root, prepared_from=['folder', 'data/my_real'])
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
