# The paper's recipe on FaceShifter at LQ.
_base_ = [
    '_base_/models/ratf_csa_r50.py',
    '_base_/datasets/faceshifter.py',
    '_base_/schedules/adam_45e.py',
    '_base_/default_runtime.py',
]
