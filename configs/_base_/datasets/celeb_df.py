# Celeb-DF v2: python tools/prepare.py celeb_df data/celeb_df --out data/celeb_df_faces
_base_ = ['ffpp_lq.py']

data_root = 'data/celeb_df_faces'
methods = None
compression = None

dataset = dict(
    data_root=data_root,
    prepared_from=['celeb_df', 'data/celeb_df'],
    methods=methods,
    compression=compression,
    test_shows_known_persons=True,  # so do the official test videos
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
