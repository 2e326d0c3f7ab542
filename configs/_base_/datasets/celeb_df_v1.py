# Celeb-DF v1:
# python tools/prepare.py celeb_df data/celeb_df_v1 --out data/celeb_df_v1_faces
_base_ = ['celeb_df.py']

data_root = 'data/celeb_df_v1_faces'

dataset = dict(data_root=data_root, prepared_from=['celeb_df', 'data/celeb_df_v1'])
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
