"""What `tools/speed.py` can measure."""

# The first is the baseline. TANet has RATF's frames, others those of their recipes.
MODELS = {
    'ResNet-50': 'ablations/resnet_r50_ffpp_lq.py',
    'RATFNet-50': 'ablations/ratf_no_csa_r50_ffpp_lq.py',
    'RATFNet-50 + CSA': 'ratf_r50_ffpp_lq.py',
    'TANet': 'baselines/tam_snippets_ffpp_lq.py',
    'TEI': 'baselines/tei_ffpp_lq.py',
    'STIL': 'baselines/stil_ffpp_lq.py',
    'DSANet': 'baselines/dsanet_ffpp_lq.py',
    'V4D': 'baselines/v4d_ffpp_lq.py',
    'I3D': 'baselines/i3d_r50_ffpp_lq.py',
}
DTYPES = ('float32', 'bfloat16')
MODES = {'forward': 'inference', 'train': 'train step'}
