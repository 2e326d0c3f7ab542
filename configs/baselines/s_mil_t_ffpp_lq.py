# S-MIL-T: bags of runs of 2, 3 and 4 of the 16 frames.
_base_ = 's_mil_ffpp_lq.py'

model = dict(cls_head=dict(kernel_sizes=(2, 3, 4)))
