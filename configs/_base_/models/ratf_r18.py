# Ablation: RATF without CSA; the snippets' logits are averaged.
_base_ = ['ratf_csa_r18.py']

model = dict(neck=None)
