# Celeb-DF v1: python tools/prepare.py celeb_df data/celeb_df_v1 data/celeb_df_v1_faces
_base_ = ['celeb_df.py']

data_root = 'data/celeb_df_v1_faces'

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
