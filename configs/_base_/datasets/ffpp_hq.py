# FaceForensics++ at high quality (c23).
_base_ = ['ffpp_lq.py']

compression = 'c23'

train_dataloader = dict(dataset=dict(compression=compression))
val_dataloader = dict(dataset=dict(compression=compression))
test_dataloader = dict(dataset=dict(compression=compression))
