"""ResNet-50 from a state dict with torchvision's names; shares no code with ours."""

from oracles.by_key import batch_norm
from torch.nn import functional

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # planes, blocks, stride


def torchvision_shapes():
    """Name -> shape of every tensor of torchvision's ResNet-50 but its classifier."""
    shapes = {'conv1.weight': (64, 3, 7, 7)}

    def normalisation(name, width):
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{name}.{part}'] = (width,)

    normalisation('bn1', 64)
    before = 64
    for stage, (planes, num_blocks, _) in enumerate(STAGES, start=1):
        for index in range(num_blocks):
            block = f'layer{stage}.{index}'
            kernels = (
                (planes, before, 1),
                (planes, planes, 3),
                (4 * planes, planes, 1),
            )
            for number, (after, inputs, side) in enumerate(kernels, start=1):
                shapes[f'{block}.conv{number}.weight'] = (after, inputs, side, side)
                normalisation(f'{block}.bn{number}', after)
            if index == 0:
                shapes[f'{block}.downsample.0.weight'] = (4 * planes, before, 1, 1)
                normalisation(f'{block}.downsample.1', 4 * planes)
            before = 4 * planes
    return shapes


def stem(state, images):
    """(B, 3, H, W) -> (B, 64, H/4, W/4)."""
    x = functional.conv2d(images, state['conv1.weight'], stride=2, padding=3)
    return functional.max_pool2d(batch_norm(state, 'bn1', x).clamp(min=0), 3, 2, 1)


def run_stage(state, stage, x):
    """Run stage 1 to 4."""
    _, num_blocks, first_stride = STAGES[stage - 1]
    for index in range(num_blocks):
        block, stride = f'layer{stage}.{index}', first_stride if index == 0 else 1
        shortcut = x
        if index == 0:
            weight = state[f'{block}.downsample.0.weight']
            shortcut = functional.conv2d(x, weight, stride=stride)
            shortcut = batch_norm(state, f'{block}.downsample.1', shortcut)
        x = functional.conv2d(x, state[f'{block}.conv1.weight'])
        x = batch_norm(state, f'{block}.bn1', x).clamp(min=0)
        # The 3x3 has the stride.
        x = functional.conv2d(
            x, state[f'{block}.conv2.weight'], stride=stride, padding=1
        )
        x = batch_norm(state, f'{block}.bn2', x).clamp(min=0)
        x = functional.conv2d(x, state[f'{block}.conv3.weight'])
        x = (batch_norm(state, f'{block}.bn3', x) + shortcut).clamp(min=0)
    return x


def features(state, images):
    """(B, 3, H, W) -> (B, 2048, H/32, W/32)."""
    x = stem(state, images)
    for stage in (1, 2, 3, 4):
        x = run_stage(state, stage, x)
    return x
