# Table 1, HQ: one model for Face2Face.
_base_ = ['ratf_r50_ffpp_hq.py']

methods = ['Face2Face']

train_dataloader = dict(dataset=dict(methods=methods))
val_dataloader = dict(dataset=dict(methods=methods))
test_dataloader = dict(dataset=dict(methods=methods))
