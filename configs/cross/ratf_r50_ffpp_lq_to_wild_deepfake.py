# Trained on FaceForensics++ LQ, tested on WildDeepfake.
_base_ = ['../ratf_r50_ffpp_lq.py']

test_dataloader = dict(
    dataset=dict(
        data_root='data/wild_deepfake_faces',
        prepared_from=['wild_deepfake', 'data/wild_deepfake'],
        methods=None,
        compression=None,
    )
)
