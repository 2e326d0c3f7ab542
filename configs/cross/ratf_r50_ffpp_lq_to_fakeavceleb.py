# Trained on FaceForensics++ LQ, tested on all of FakeAVCeleb.
_base_ = [
    '../_base_/models/ratf_csa_r50.py',
    '../_base_/datasets/fakeavceleb.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
