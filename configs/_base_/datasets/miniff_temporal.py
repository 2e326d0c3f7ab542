# MiniFF with temporal evidence alone: tools/render_miniff.py --out OUT --cues temporal
_base_ = ['miniff.py']

data_root = 'data/miniff_temporal'

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
