# Ablation: RATF without CSA; the snippets' logits are averaged.
_base_ = ['ratf_csa_lite0.py']

model = dict(neck=None)
