# Leave-one-out on FaceForensics++ LQ: trained without Deepfakes, tested on it.
_base_ = ['../ratf_r50_ffpp_lq.py']

trained = ['Face2Face', 'FaceSwap', 'NeuralTextures']

train_dataloader = dict(dataset=dict(methods=trained))
val_dataloader = dict(dataset=dict(methods=trained))
test_dataloader = dict(dataset=dict(methods=['Deepfakes']))
