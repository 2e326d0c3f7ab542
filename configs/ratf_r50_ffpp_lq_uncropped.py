# The paper's recipe on FaceForensics++ LQ as downloaded, without face crops.
_base_ = [
    '_base_/models/ratf_csa_r50.py',
    '_base_/datasets/ffpp_lq_uncropped.py',
    '_base_/schedules/adam_45e.py',
    '_base_/default_runtime.py',
]
