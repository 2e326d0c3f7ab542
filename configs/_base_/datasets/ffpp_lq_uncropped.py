# FaceForensics++ at low quality (c40) as downloaded: whole frames, cut to the square in
# their middle, since no faces were looked for. For a first try; prepare the faces.
_base_ = ['ffpp_lq.py']

data_root = 'data/ffpp'

dataset = dict(type='FaceForensics', data_root=data_root)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
