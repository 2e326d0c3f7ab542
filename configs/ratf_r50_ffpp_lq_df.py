# Table 1, LQ: one model for Deepfakes.
_base_ = ['ratf_r50_ffpp_lq.py']

methods = ['Deepfakes']

train_dataloader = dict(dataset=dict(methods=methods))
val_dataloader = dict(dataset=dict(methods=methods))
test_dataloader = dict(dataset=dict(methods=methods))
