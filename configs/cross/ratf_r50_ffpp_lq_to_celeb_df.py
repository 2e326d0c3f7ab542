# Table 3: trained on FaceForensics++ LQ, tested on Celeb-DF (v2).
_base_ = ['../ratf_r50_ffpp_lq.py']

test_dataloader = dict(
    dataset=dict(
        data_root='data/celeb_df_faces',
        prepared_from=['celeb_df', 'data/celeb_df'],
        methods=None,
        compression=None,
        test_shows_known_persons=True,  # in other splits of Celeb-DF, not in training
    )
)
