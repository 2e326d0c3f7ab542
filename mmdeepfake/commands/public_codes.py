"""The public codes whose checkpoints `tools/convert_checkpoint.py` converts."""

# Public code -> config of ours whose model its checkpoints fit.
CONFIG_OF_CODE = {
    'altfreezing': 'baselines/altfreezing_ffpp_lq.py',
    'dsanet': 'baselines/dsanet_ffpp_lq.py',
    'facenet': 'baselines/facenet_lstm_ffpp_lq.py',
    'ftcn': 'published/ftcn_ffpp_lq.py',
    'i3d': 'baselines/i3d_inception_ffpp_lq.py',
    'stil': 'baselines/stil_ffpp_lq.py',
    'tall': 'baselines/tall_swin_ffpp_lq.py',
    'tam': 'baselines/tam_ffpp_lq.py',
    'v4d': 'baselines/v4d_no_norm_ffpp_lq.py',
    'videomae': 'baselines/video_mae_ffpp_lq.py',
    'xception': 'baselines/xception_ffpp_lq.py',
}
