# Trained on FaceForensics++ LQ, tested on the public test set of DFDC.
_base_ = ['../ratf_r50_ffpp_lq.py']

test_dataloader = dict(
    dataset=dict(
        data_root='data/dfdc_faces',
        prepared_from=['dfdc', 'data/dfdc'],
        methods=None,
        compression=None,
    )
)
