# Own fakes and pseudo-fakes: every second real video is paired with a fake of yours.
_base_ = ['ratf_csa_lite0_pseudo_fake.py']

data_root = 'data/own_faces'

dataset = dict(data_root=data_root, prepared_from=['folder', 'data/own'])
train_dataloader = dict(dataset=dict(**dataset, own_fake_share=0.5))
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
