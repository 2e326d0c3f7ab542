# The same on the temporal set, where single frames carry no information.
_base_ = [
    '../_base_/models/ratf_r18.py',
    '../_base_/datasets/miniff_temporal.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
