# Cross-compression: trained on MiniFF at c40, tested at c23.
_base_ = ['../miniff/ratf_r18_miniff.py']

test_dataloader = dict(dataset=dict(compression='c23'))
