# Trained on FaceForensics++ LQ, tested on Celeb-DF++.
_base_ = ['../ratf_r50_ffpp_lq.py']

test_dataloader = dict(
    dataset=dict(
        data_root='data/celeb_df_pp_faces',
        prepared_from=['celeb_df_pp', 'data/celeb_df_pp'],
        methods=None,
        compression=None,
        test_shows_known_persons=True,  # in other splits of Celeb-DF, not in training
    )
)
