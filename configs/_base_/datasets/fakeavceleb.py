# FakeAVCeleb. All of it is a test set, so training and validation are
# FaceForensics++'s:
# python tools/prepare.py fakeavceleb data/fakeavceleb --out data/fakeavceleb_faces
_base_ = ['ffpp_lq.py']

test_dataloader = dict(
    dataset=dict(
        data_root='data/fakeavceleb_faces',
        prepared_from=['fakeavceleb', 'data/fakeavceleb'],
        methods=None,
        compression=None,
    )
)
