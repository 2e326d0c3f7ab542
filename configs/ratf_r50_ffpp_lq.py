# The paper's recipe on FaceForensics++ LQ, all four manipulations (as its Table 3).
_base_ = [
    '_base_/models/ratf_csa_r50.py',
    '_base_/datasets/ffpp_lq.py',
    '_base_/schedules/adam_45e.py',
    '_base_/default_runtime.py',
]
