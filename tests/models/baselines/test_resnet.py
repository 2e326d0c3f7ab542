import torch
from mmengine.config import Config
from oracles import resnet_by_key
from oracles.by_key import draw
from recognizer_checks import CONFIGS, make_samples

from mmdeepfake.engine.config_checks import find_transforms
from mmdeepfake.registry import MODELS

FFPP = 'baselines/resnet_ffpp_lq.py'


def test_it_equals_torchvisions_network_on_its_weights(tmp_path):
    state = draw(resnet_by_key.torchvision_shapes())
    torch.save(state, tmp_path / 'resnet50.pth')
    cfg = Config.fromfile(CONFIGS / FFPP)
    cfg.model.backbone.pretrained = str(tmp_path / 'resnet50.pth')
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train(False)
    frames = torch.randn(2, 3, 64, 64)
    expected = resnet_by_key.features(state, frames)
    features = model.backbone(frames)
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
    logits = expected.mean(dim=(2, 3)) @ model.cls_head.fc_cls.weight.T
    probabilities = logits.softmax(dim=1)[:, 1]
    sample = model.predict(frames[None], make_samples([0]))[0]
    torch.testing.assert_close(sample.pred_score[1], probabilities.mean())


def test_frame_rows_train_on_one_random_frame_and_test_on_32():
    for name in (FFPP, 'baselines/xception_ffpp_lq.py'):
        cfg = Config.fromfile(CONFIGS / name)
        drawn = {
            where.split('_')[0]: (t.num_snippets, t.clip_len, t.get('position'))
            for where, t in find_transforms(cfg, 'SampleSnippets')
        }
        assert drawn == dict(
            train=(1, 1, None), val=(32, 1, 'centred'), test=(32, 1, 'centred')
        )
        assert cfg.test_evaluator.score_rule == 'mean of P(fake) over frames'
