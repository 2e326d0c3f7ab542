# Celeb-DF++:
# python tools/prepare.py celeb_df_pp data/celeb_df_pp --out data/celeb_df_pp_faces
_base_ = ['celeb_df.py']

data_root = 'data/celeb_df_pp_faces'

dataset = dict(data_root=data_root, prepared_from=['celeb_df_pp', 'data/celeb_df_pp'])
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
