# Trained on FaceForensics++ LQ, tested on Celeb-DF++.
_base_ = ['ratf_r50_ffpp_lq_to_celeb_df.py']

test_dataloader = dict(
    dataset=dict(
        data_root='data/celeb_df_pp_faces',
        prepared_from=['celeb_df_pp', 'data/celeb_df_pp'],
    )
)
