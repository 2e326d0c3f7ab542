import pytest
import torch
from mmaction.models.backbones.resnet import ResNet
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmcv.cnn import ConvModule
from recognizer_checks import TWO_STAGES
from torch import nn

from mmdeepfake.models.backbones import RATFNet
from mmdeepfake.models.inference_folding import (
    fold_batch_norms,
    keep_composed_kernels,
    prepare_for_inference,
)


def make_network():
    options = dict(ratf_stages=(True, True), **TWO_STAGES)
    return RATFNet(18, clip_len=4, **options).eval()


def with_random_norms(model):
    """Random statistics and affine weights, in fp64 and evaluation mode."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    model.double().eval()
    return model


def test_folded_network_computes_the_same():
    network = with_random_norms(make_network())
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        (expected,) = network(images)
        assert fold_batch_norms(network) == 10
        (got,) = network(images)
    left = [n for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(name.endswith('.temporal.logit_norm') for name in left)
    torch.testing.assert_close(got, expected)


def test_every_norm_of_a_plain_resnet_is_folded():
    network = with_random_norms(ResNet(50, **TWO_STAGES))
    num_norms = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert fold_batch_norms(network) == num_norms
    assert fold_batch_norms(network) == 0


def test_norms_that_do_not_follow_a_plain_convolution_stay():
    norm = dict(type='BN')
    early = ConvModule(4, 4, 1, norm_cfg=norm, order=('norm', 'conv', 'act'))
    other = ConvModule(4, 4, 1, norm_cfg=dict(type='GN', num_groups=2))
    standardised = ConvModule(4, 4, 1, norm_cfg=norm, conv_cfg=dict(type='ConvWS'))
    parts = [early, other, standardised, nn.BatchNorm2d(4)]
    network = with_random_norms(nn.Sequential(*parts))
    assert fold_batch_norms(network) == 0


def recognizer(kind, backbone, width, **parts):
    head = dict(num_classes=2, in_channels=width, average_clips='prob')
    return dict(type=kind, backbone=backbone, cls_head=dict(**parts, **head))


@pytest.mark.parametrize(
    ('settings', 'shape', 'num_norms'),
    [
        (
            dict(
                recognizer(
                    'SnippetRecognizer',
                    dict(type='RATFNet', depth=18, clip_len=4),
                    512,
                    type='TSNHead',
                ),
                neck=dict(type='CrossSnippetAttention', in_channels=512, clip_len=4),
            ),
            (2, 8, 3, 64, 64),
            20,
        ),
        (
            recognizer(
                'SnippetRecognizer', dict(type='ResNet', depth=18), 512, type='TSNHead'
            ),
            (2, 2, 3, 64, 64),
            20,
        ),
        (
            recognizer('Recognizer3D', dict(type='InceptionI3d'), 1024, type='I3DHead'),
            (1, 1, 3, 8, 32, 32),
            57,
        ),
    ],
    ids=['RATFNet + CSA', 'ResNet', 'I3D'],
)
def test_prepared_recognizer_gives_the_same_scores(settings, shape, num_norms):
    model = with_random_norms(MODELS.build(settings)).float()
    videos = torch.randn(shape)
    samples = [ActionDataSample() for _ in videos]
    with torch.no_grad():
        nn.init.normal_(model.cls_head.fc_cls.weight)
        logits, _ = model.extract_feat(videos, stage='head')
        model.cls_head.fc_cls.weight /= logits.abs().max()  # no saturated score
        expected = [one.pred_score for one in model.predict(videos, samples)]
        facts = prepare_for_inference(model)
        found = [one.pred_score for one in model.predict(videos, samples)]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert torch.stack(expected).min() > 0.1
    assert facts == {
        'memory_layout': 'channels_last', 'num_folded_batch_norms': num_norms,
    }  # fmt: skip
    forms = {4: torch.channels_last, 5: torch.channels_last_3d}
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            form = forms[module.weight.dim()]
            assert module.weight.is_contiguous(memory_format=form)


@pytest.mark.parametrize(
    'fold', [fold_batch_norms, keep_composed_kernels, prepare_for_inference]
)
def test_training_mode_is_refused(fold):
    with pytest.raises(ValueError, match=r'call model\.eval\(\) first'):
        fold(ResNet(18, **TWO_STAGES))


def outputs(network, images):
    with torch.no_grad():
        return network(images)[0]


def test_kept_kernels_change_no_bit():
    network = make_network()
    images = torch.randn(4, 3, 32, 32)
    expected = outputs(network, images)
    assert keep_composed_kernels(network) == 4
    torch.testing.assert_close(outputs(network, images), expected, rtol=0, atol=0)
    plain = ResNet(18, **TWO_STAGES)
    plain.eval()  # MMAction2's returns None
    assert keep_composed_kernels(plain) == 0


@pytest.mark.parametrize(
    'change',
    [
        lambda network, other: network.load_state_dict(other.state_dict()),
        lambda network, other: (
            network.train(),
            [
                mine.data.copy_(theirs)
                for mine, theirs in zip(
                    network.state_dict().values(),
                    other.state_dict().values(),
                    strict=True,
                )
            ],
            network.eval(),
        ),
    ],
    ids=['loaded', 'trained'],
)
def test_new_weights_compose_new_kernels(change):
    network, other = make_network(), make_network()
    images = torch.randn(4, 3, 32, 32)
    keep_composed_kernels(network)
    change(network, other)
    torch.testing.assert_close(
        outputs(network, images), outputs(other, images), rtol=0, atol=0
    )


def test_kept_kernels_follow_the_type_and_leave_the_checkpoint():
    network = make_network()
    keys = set(network.state_dict())
    keep_composed_kernels(network)
    assert set(network.state_dict()) == keys
    assert (
        outputs(network.double(), torch.randn(4, 3, 32, 32).double()).isfinite().all()
    )


def test_gradients_reach_the_weights_in_spite_of_kept_kernels():
    network = make_network()
    keep_composed_kernels(network)
    network(torch.randn(4, 3, 32, 32))[0].sum().backward()
    assert network.layer1[0].temporal.align_current.weight.grad.abs().sum() > 0
