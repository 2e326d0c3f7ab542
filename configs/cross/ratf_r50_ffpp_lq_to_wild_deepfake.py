# Trained on FaceForensics++ LQ, tested on WildDeepfake.
_base_ = ['../ratf_r50_ffpp_lq.py']

test_dataloader = dict(
    dataset=dict(data_root='data/wild_deepfake_faces', methods=None, compression=None)
)
