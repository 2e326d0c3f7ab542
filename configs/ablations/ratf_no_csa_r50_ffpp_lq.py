# Table 4a, + RATF: no CSA; the snippets' logits are averaged.
_base_ = '../ratf_r50_ffpp_lq.py'

model = dict(neck=None)
