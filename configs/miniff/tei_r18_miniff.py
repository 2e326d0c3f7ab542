# TEI on the built-in set.
_base_ = [
    '../_base_/models/tei_r18.py',
    '../_base_/datasets/miniff_spread.py',
    '../_base_/schedules/miniff.py',
    '../_base_/default_runtime.py',
]
