# DeepFakeDetection, at low quality (c40). All of it is a test set, so training and
# validation are FaceForensics++'s:
# python tools/prepare.py dfd data/ffpp --out data/dfd_faces
_base_ = ['ffpp_lq.py']

test_dataloader = dict(
    dataset=dict(
        data_root='data/dfd_faces',
        prepared_from=['dfd', 'data/ffpp'],
        methods=['DeepFakeDetection'],
    )
)
