# Leave-one-out on FaceForensics++ LQ: trained without NeuralTextures, tested on it.
_base_ = ['../ratf_r50_ffpp_lq.py']

trained = ['Deepfakes', 'Face2Face', 'FaceSwap']

train_dataloader = dict(dataset=dict(methods=trained))
val_dataloader = dict(dataset=dict(methods=trained))
test_dataloader = dict(dataset=dict(methods=['NeuralTextures']))
