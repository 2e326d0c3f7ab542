# FaceShifter, of FaceForensics++ at low quality (c40):
# python tools/prepare.py ffpp data/ffpp --out data/ffpp_faces --methods FaceShifter
_base_ = ['ffpp_lq.py']

methods = ['FaceShifter']

train_dataloader = dict(dataset=dict(methods=methods))
val_dataloader = dict(dataset=dict(methods=methods))
test_dataloader = dict(dataset=dict(methods=methods))
