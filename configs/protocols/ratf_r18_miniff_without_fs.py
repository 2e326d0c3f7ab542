# Leave-one-out on MiniFF: trained without FaceSwap, tested on it.
_base_ = ['../miniff/ratf_r18_miniff.py']

trained = ['Deepfakes', 'Face2Face', 'NeuralTextures']

train_dataloader = dict(dataset=dict(methods=trained))
val_dataloader = dict(dataset=dict(methods=trained))
test_dataloader = dict(dataset=dict(methods=['FaceSwap']))
