# Baseline TEI on ResNet-50 (a reconstruction): 8 frames spread over the video.
_base_ = ['tam_r50.py']

# Its head is TAM's: both follow the recipe of TSM.
model = dict(backbone=dict(type='TEINet'))
