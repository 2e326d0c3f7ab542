# The paper's recipe on your own videos with prepared faces.
_base_ = [
    '_base_/models/ratf_csa_r50.py',
    '_base_/datasets/own_faces.py',
    '_base_/schedules/adam_45e.py',
    '_base_/default_runtime.py',
]
