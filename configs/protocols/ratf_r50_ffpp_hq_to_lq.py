# Cross-compression: trained on FaceForensics++ HQ (c23), tested on LQ (c40).
_base_ = ['../ratf_r50_ffpp_hq.py']

test_dataloader = dict(dataset=dict(compression='c40'))
