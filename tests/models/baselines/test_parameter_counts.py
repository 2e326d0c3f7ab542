import pytest
from recognizer_checks import build_on_meta, count_parameters

RESNET_50 = 23_508_032
MILLIONS_OF_TEI = 29_541_394  # with 400 classes 30.4 M, as published; 'mid' has 24.8

# Config, options of the backbone, and numbers by the name of a part; '' is the model.
COUNTS = [
    ('addnet3d', {}, {'': 8_374_602, 'backbone': 8_373_576}),
    # The public head has one logit, of 2,048 weights and a bias.
    ('altfreezing', {}, {'': 27_225_921 + 2_049}),
    ('cnn_lstm', {}, {'': RESNET_50 + 5_246_976 + 1_026, 'cls_head.lstm': 5_246_976}),
    ('co_motion', {}, {'': 2 * 5151 + 5151 * 256 + 256 + 2 * 256 + 2}),
    *(
        (
            'deep_rhythm',
            dict(bn_axis=axis),
            {
                '': total,
                'backbone.spatial.dense': 11_440_025,
                'backbone.temporal.lstm': 4 * (300 * 375 + 300),
            },
        )
        for axis, total in (('width', 24_533_154), ('channel', 24_542_680))
    ),
    (
        'dianet_like',
        {},
        {
            '': 29_211_202,
            'backbone.global_branch': 1_304_576,
            'backbone.local_branch': 4_393_472,
        },
    ),
    (
        'double_rnn',
        {},
        {
            '': 8_558_850,
            'backbone.colour': 6_953_856,  # DenseNet-121's
            'backbone.frequency': 390_144,
            'cls_head.lstm': 1_181_696,
        },
    ),
    ('dsanet', {}, {'': 31_638_594 + 5 * 72}),
    (
        'facenet_lstm',
        {},
        {'': 24_271_618, 'backbone': 23_482_624, 'cls_head.lstm': 788_480},
    ),
    # The paper has one logit, of 1,024 weights and a bias.
    ('ftcn', {}, {'': 14_765_889 + 1_025, 'backbone': 6_347_584}),
    ('i3d_r50', {}, {'': 27_227_970, 'backbone': 27_223_872}),
    ('i3d_r50', dict(conv1_kernel=(3, 7, 7)), {'': 27_209_154}),
    ('i3d_inception', {}, {'': 12_289_314, 'backbone': 12_287_264}),
    ('td_3dcnn', {}, {'': 12_289_314}),
    ('resnet', {}, {'': RESNET_50 + 4_098}),
    ('s_mil', {}, {'': 20_806_952 + 2_050, 'cls_head': 2_049 + 1}),
    (
        's_mil_t',  # convolutions and their biases; three scores and temperatures
        {},
        {'cls_head': 512 * 2048 * (2 + 3 + 4) + 3 * 512 + 3 * (513 + 1)},
    ),
    ('stil', {}, {'': 22_688_418}),
    ('tall_swin', {}, {'': 86_920_506}),
    ('tam', {}, {'': 24_774_818}),
    ('tam', dict(num_segments=16), {'': 24_782_242}),
    # Each of 16 modules has 2 T^2 + 10 T that depend on T.
    ('tam_snippets', {}, {'': 24_774_818 - 16 * (208 - 72)}),
    ('tei', {}, {'': MILLIONS_OF_TEI}),
    ('tei', dict(place='mid'), {'': 23_995_632 + 4_098}),
    ('v4d', {}, {'': 36_355_136 + 4_098}),
    ('v4d', dict(r4d_norm=False), {'': 36_353_088 + 4_098}),
    ('v4d', dict(r4d_blocks=((),) * 4), {'': 31_634_496 + 4_098}),
    ('xception', {}, {'': 20_811_050}),
]


@pytest.mark.parametrize(('name', 'options', 'expected'), COUNTS)
def test_parameters_are_those_of_the_specification(name, options, expected):
    model = build_on_meta(f'baselines/{name}_ffpp_lq.py', **options)
    found = {part: count_parameters(model.get_submodule(part)) for part in expected}
    assert found == expected
