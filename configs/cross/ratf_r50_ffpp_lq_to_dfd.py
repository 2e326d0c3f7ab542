# Trained on FaceForensics++ LQ, tested on all of DeepFakeDetection.
_base_ = [
    '../_base_/models/ratf_csa_r50.py',
    '../_base_/datasets/dfd.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
