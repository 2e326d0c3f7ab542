# Baseline STIL on SCNet-50 v1d: the frames' logits are averaged, however many groups
# of num_segments they make.
_base_ = ['ratf_csa_r50.py']

num_segments = 8  # T, frames that are compared with each other

model = dict(
    backbone=dict(
        _delete_=True,
        type='STILNet',
        num_segments=num_segments,
        stage_blocks=(3, 4, 6, 3),
        # A path works as well: --cfg-options model.backbone.pretrained=PATH
        pretrained=(
            'https://backseason.oss-cn-beijing.aliyuncs.com/scnet/'
            'scnet50_v1d-4109d1e1.pth'
        ),
    ),
    neck=None,
)
