# Cross-compression: trained on MiniFF at c23, tested at c40.
_base_ = ['../miniff/ratf_r18_miniff.py']

trained = 'c23'

train_dataloader = dict(dataset=dict(compression=trained))
val_dataloader = dict(dataset=dict(compression=trained))
test_dataloader = dict(dataset=dict(compression='c40'))
