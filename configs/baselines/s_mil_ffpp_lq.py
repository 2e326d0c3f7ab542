# S-MIL, a reconstruction, RATF's recipe on FaceForensics++ LQ.
_base_ = [
    '../_base_/models/s_mil.py',
    '../_base_/datasets/ffpp_lq_bags.py',
    '../_base_/schedules/adam_45e.py',
    '../_base_/default_runtime.py',
]
