# The paper's recipe on DeeperForensics-1.0.
_base_ = [
    '_base_/models/ratf_csa_r50.py',
    '_base_/datasets/deeper_forensics.py',
    '_base_/schedules/adam_45e.py',
    '_base_/default_runtime.py',
]
