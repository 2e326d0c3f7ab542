# Table 3: trained on the four manipulations at LQ, tested on Deepfakes.
_base_ = ['../ratf_r50_ffpp_lq.py']

test_dataloader = dict(dataset=dict(methods=['Deepfakes']))
