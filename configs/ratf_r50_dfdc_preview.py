# Table 2: the paper's recipe on its "DFDC", the preview set.
_base_ = [
    '_base_/models/ratf_csa_r50.py',
    '_base_/datasets/dfdc_preview.py',
    '_base_/schedules/adam_45e.py',
    '_base_/default_runtime.py',
]
