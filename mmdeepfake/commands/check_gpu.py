"""Compare the GPU's paths with the CPU's, for `tools/check_gpu.py`."""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from mmaction.structures import ActionDataSample
from torch import Tensor, nn

from mmdeepfake.engine.build import load_config
from mmdeepfake.engine.compilation import compile_parts
from mmdeepfake.engine.cpu_amp import mixed_precision
from mmdeepfake.errors import ConfigError
from mmdeepfake.files.package_folders import CONFIGS
from mmdeepfake.models.inference_folding import prepare_for_inference

from .markdown import format_table
from .speed.models import measure_speed
from .speed.speed_report import describe_run, format_facts, write_report
from .speed.timed_model import SpeedSettings, TimedModel, build_random_model

DETECTOR = 'ratf_r50_ffpp_lq.py'
DEMO = 'miniff/ratf_r18_miniff.py'
SPEED_MODELS = ['ResNet-50', 'RATFNet-50', 'RATFNet-50 + CSA', 'TANet']
DEMO_SHAPE = (8, 3, 64, 64)  # 2 snippets of 4 frames
# Ours: orders of summation differ between devices, and bfloat16 has 8 bits.
TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 5e-2}


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check, and what was measured or went wrong."""

    name: str
    passed: bool
    details: str
    seconds: float


def run_check_gpu(args: argparse.Namespace) -> int:
    """Run all checks, print and write the report; return 1 if one failed."""
    if not torch.cuda.is_available():
        raise ConfigError(
            f'torch {torch.__version__} finds no CUDA device: nothing was checked'
        )
    results = run_checks(torch.device('cuda'), side=224, num_steps=200)
    settings = argparse.Namespace(
        models=SPEED_MODELS,
        cfg_options=None,
        device='cuda',
        dtype='bfloat16',
        channels_last=True,
        compile=None,
        threads=None,
        batch_size=12,
        splits=['train', 'test'],
        modes=['forward', 'train'],
        repeats=5,
        out=args.out,
    )
    text = f'{format_results(results, describe_run("cuda"))}\n{measure_speed(settings)}'
    print(text)
    if args.out is not None:
        record = {'checks': [asdict(result) for result in results]}
        write_report('check_gpu', text, record, args.out)
    return int(not all(result.passed for result in results))


def run_checks(device: torch.device, *, side: int, num_steps: int) -> list[CheckResult]:
    """Run the checks on frames of `side` pixels; one that fails does not end them."""
    torch.backends.cudnn.allow_tf32 = False
    noise = torch.Generator().manual_seed(0)
    frames = torch.randn(2, 8, 3, side, side, generator=noise)
    model = make_model()
    scores = _score(model, frames)

    def infer(**settings: Any) -> tuple[bool, str]:
        return compare_inference(model, frames, scores, device, **settings)

    checks: dict[str, Callable[[], tuple[bool, str]]] = {
        'inference, fp32, against the CPU': infer,
        'inference, folded, against the CPU': lambda: infer(folded=True),
        'inference, compiled, against the CPU': lambda: infer(backend='inductor'),
        'inference, bfloat16, against fp32 of the CPU': lambda: infer(
            dtype=torch.bfloat16
        ),
        'gradients, fp32, against the CPU': lambda: compare_gradients(
            model, frames, device
        ),
        'Triton kernels, fp32': lambda: check_kernels(device, torch.float32),
        'Triton kernels, bfloat16': lambda: check_kernels(device, torch.bfloat16),
        f'{num_steps} steps of the demo': lambda: train_demo(device, num_steps),
    }
    return [_run_check(name, check) for name, check in checks.items()]


def _run_check(name: str, check: Callable[[], tuple[bool, str]]) -> CheckResult:
    start = time.perf_counter()
    try:
        passed, details = check()
    except Exception as error:  # those of CUDA and Triton have no class in common
        message = str(error).strip().split('\n')[0]
        passed, details = False, f'{type(error).__name__}: {message}'
    return CheckResult(name, passed, details, time.perf_counter() - start)


def make_model() -> nn.Module:
    """Build the detector with random weights, on the CPU."""
    torch.manual_seed(0)
    model = build_random_model(load_config(CONFIGS / DETECTOR))
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.01 * torch.randn_like(weight)  # none at its neutral start
    return model.eval()


def compare_inference(
    reference: nn.Module,
    frames: Tensor,
    expected: Tensor,
    device: torch.device,
    *,
    dtype: torch.dtype = torch.float32,
    backend: str | None = None,
    folded: bool = False,
) -> tuple[bool, str]:
    """Compare logits on a device with the expected ones."""
    model = copy.deepcopy(reference).to(device)
    if folded:
        prepare_for_inference(model)
    if backend is not None:
        compile_parts(model, backend)
    if dtype == torch.float32:
        found = _score(model, frames.to(device))
    else:
        with mixed_precision(model, device_type=device.type, dtype=dtype):
            found = _score(model, frames.to(device))
    return judge([found], [expected], TOLERANCES[dtype])


@torch.no_grad()
def _score(model: nn.Module, frames: Tensor) -> Tensor:
    logits: Tensor = model.extract_feat(frames, stage='head')[0]
    return logits


def compare_gradients(
    reference: nn.Module, frames: Tensor, device: torch.device
) -> tuple[bool, str]:
    """Compare the gradients of all weights with the CPU's."""
    expected = _differentiate(reference, frames)
    found = _differentiate(copy.deepcopy(reference).to(device), frames.to(device))
    return judge(found, expected, TOLERANCES[torch.float32])


def _differentiate(model: nn.Module, frames: Tensor) -> list[Tensor]:
    # In evaluation mode, since dropout is drawn on the device.
    samples = [
        ActionDataSample().set_gt_label(label % 2).to(frames.device)
        for label in range(len(frames))
    ]
    loss, _ = model.parse_losses(model(frames, samples, mode='loss'))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    return list(torch.autograd.grad(loss, weights))


def judge(
    found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float
) -> tuple[bool, str]:
    """Return whether tensors agree, and their relative error in words."""
    one, other = (
        torch.cat([part.detach().cpu().double().flatten() for part in parts])
        for parts in (found, expected)
    )
    error = ((one - other).norm() / other.norm()).item()
    return error <= tolerance, f'relative error {error:.1e}, allowed {tolerance:g}'


def check_kernels(device: torch.device, dtype: torch.dtype) -> tuple[bool, str]:
    """Compare the Triton kernels with plain operators, T = 4, R = 4, K = 3."""
    from mmdeepfake.ops import filter_kernels  # needs Triton

    error = filter_kernels.measure_error(device, dtype, 4, 4, 3)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-2
    return error <= tolerance, f'relative error {error:.1e}, allowed {tolerance:g}'


def train_demo(device: torch.device, num_steps: int) -> tuple[bool, str]:
    """Train the demo's model on one batch of noise, whose labels it must learn."""
    torch.manual_seed(0)
    model = TimedModel(
        load_config(CONFIGS / DEMO),
        shape=DEMO_SHAPE,
        num_videos=8,
        settings=SpeedSettings(str(device)),
    )
    losses = torch.stack([model.train_step() for _ in range(num_steps)]).cpu()
    tenth = max(1, num_steps // 10)
    first, last = losses[:tenth].mean().item(), losses[-tenth:].mean().item()
    passed = bool(losses.isfinite().all()) and last < first
    return passed, f'loss from {first:.3f} to {last:.3f}'


def format_results(results: Sequence[CheckResult], facts: dict[str, str]) -> str:
    """Format the facts of a run and a line per check."""
    rows = [
        [r.name, 'passed' if r.passed else 'FAILED', r.details, f'{r.seconds:.0f}']
        for r in results
    ]
    table = format_table(['check', 'outcome', 'details', 's'], rows)
    return f'# Check of the GPU\n\n{format_facts(facts)}\n\n{table}\n'
