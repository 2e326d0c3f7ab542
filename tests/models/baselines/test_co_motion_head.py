import torch

from mmdeepfake.models.baselines.co_motion import CoMotionHead


def test_logits_match_the_layers_written_out():
    head = CoMotionHead(2, 6, hidden_channels=4).double().train(False)
    norm, first, _, _, last = head.layers
    norm.weight.data.normal_()
    norm.bias.data.normal_()
    x = torch.randn(4, 6, 1, 1, dtype=torch.float64)
    flat = x[:, :, 0, 0]
    centred = flat - flat.mean(dim=1, keepdim=True)
    size = ((centred**2).mean(dim=1, keepdim=True) + norm.eps).sqrt()
    hidden = (centred / size * norm.weight + norm.bias) @ first.weight.T + first.bias
    logits = hidden.clamp(min=0) @ last.weight.T + last.bias
    expected = torch.stack([(logits[0] + logits[1]) / 2, (logits[2] + logits[3]) / 2])
    torch.testing.assert_close(head(x, num_segs=2), expected)
