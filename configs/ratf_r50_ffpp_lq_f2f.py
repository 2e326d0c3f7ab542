# Table 1, LQ: one model for Face2Face.
_base_ = ['ratf_r50_ffpp_lq.py']

methods = ['Face2Face']

train_dataloader = dict(dataset=dict(methods=methods))
val_dataloader = dict(dataset=dict(methods=methods))
test_dataloader = dict(dataset=dict(methods=methods))
