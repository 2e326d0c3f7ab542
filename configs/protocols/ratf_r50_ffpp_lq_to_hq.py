# Cross-compression: trained on FaceForensics++ LQ (c40), tested on HQ (c23).
_base_ = ['../ratf_r50_ffpp_lq.py']

test_dataloader = dict(dataset=dict(compression='c23'))
