# Trained on FaceForensics++ LQ, tested on FaceShifter at LQ.
_base_ = ['../ratf_r50_ffpp_lq.py']

test_dataloader = dict(dataset=dict(methods=['FaceShifter']))
