# Table 3: trained on FaceForensics++ LQ, tested on its "DFDC", the preview set.
_base_ = ['../ratf_r50_ffpp_lq.py']

test_dataloader = dict(
    dataset=dict(
        data_root='data/dfdc_preview_faces',
        prepared_from=['dfdc_preview', 'data/dfdc_preview'],
        methods=None,
        compression=None,
    )
)
