"""RATF, the region-aware temporal filter, as a module.

Paper: Region-Aware Temporal Inconsistency Learning for DeepFake Video Detection,
IJCAI 2022, Sec. 3.2, Eqs. (1) to (3); no public code. Certain from the paper: the split
at gamma = 0.5, basis filters from two FC layers over time, weights from an align
convolution and a 1x1, softmax at tau = 0.01, r = 8, the place before every 3x3. Our
reading, each with its reason at `RATF`: the kernel size, which axis the FC layers act
on, biases and norms, above all that of the logits, the initialisation.

    paper    here             paper      here
    gamma    split_ratio      W1, W2     fc1, fc2
    r        num_basis (R)    Conv1..3   align_previous, align_current, align_following
    k        kernel_size (K)  alpha      weights
    tau      temperature      eta        logits
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdeepfake.errors import ConfigError
from mmdeepfake.ops.fused_filter import filter_regions
from mmdeepfake.ops.snippet_summary import (
    can_summarise,
    pooling_matrix,
    summarise_snippets,
)
from mmdeepfake.ops.temporal_filter import (
    filter_channels_innermost,
    filter_over_time,
    fold_alignment,
    mix_basis_filters,
    pool_to_strips,
    weigh_bases,
    without_autocast,
)

if hasattr(torch.compiler, 'is_compiling'):
    from torch.compiler import is_compiling
else:  # PyTorch 2.1 and 2.2
    from torch._dynamo import is_compiling

_ALLOWED = {
    'align': ('conv', 'none'),
    'logit_norm': ('BN', None),
    'init': ('centred', 'difference', 'identity'),
    'fused': (True, False, 'triton'),
}


class RATF(nn.Module):
    """Filter the first channels over time, at each position by a filter of its own.

    One filter for each position and channel of a snippet, shared by its T frames, mixed
    from R basis filters that the snippet's content generates. T is built into two
    layers: a trained module runs at no other T. S, the number of snippets, is free.

    Ours where the paper is silent: the two FC layers act on time, T -> fc_ratio T -> K,
    the one axis that differs between F (C x T x R) and the bases (C x R x K), and Eq.
    (1) has no norm and no softmax over taps (the paper's only softmax is Eq. (3)). The
    align convolution keeps its width and is dense: the text says "depth-wise" of the
    final filter alone. Frames outside of the snippet are zero, never those of a
    neighbour. The 1x1 sees the frames' stacked channels ("all the channels of every
    frame are aggregated together").

    Args:
        num_channels: C of the feature map.
        clip_len: T.
        num_basis: R, number of basis filters (r = 8 is best, Table 4b).
        kernel_size: K, odd. Our choice, 3: the paper does not give k, and T = 4 leaves
            no room for 5.
        split_ratio: share of the channels, the first ones, that are filtered (gamma
            = 0.5, Sec. 4.1); the others pass unchanged.
        temperature: of the softmax over bases (tau = 0.01, Sec. 4.1).
        fc_ratio: hidden width of the basis branch, in T. Ours, 2, as TAM's.
        align: 'conv' as in Eq. (2); 'none' is the paper's RATF* (Table 4a).
        logit_norm: 'BN', ours, normalises the logits of each basis over batch and
            positions before Eq. (3), to a standard deviation that starts at tau and is
            learnt. With None, Eq. (3) as printed, one basis comes to filter all
            positions: behind a ReLU features are positive, so that the mean logits of
            two bases differ by over 10 tau, and by more than a basis's logit varies
            over positions. The others get no share and no gradient.
        init: the bias of the second FC layer, and so the filter that all bases start
            from; its weight, PyTorch's default times `init_scale`, makes them differ.
            'centred' is the identity, one at the centre tap, which keeps pretrained
            features. 'difference' is the second difference over time, with -1/2 at the
            taps beside it: from random weights, changes between frames are then seen
            from the first step on, and learning time takes one epoch of MiniFF in
            place of five. 'identity' is 'centred' with `init_scale = 0`: the network
            equals its ResNet at the first step, but all bases are equal, a saddle
            that can delay learning time. The 1x1 starts as N(0, 1e-3).
        init_scale: see `init`. 0.3 keeps most of a ResNet's features (cosine 0.99);
            RATFLite0 needs 0.03 (0.98, and 0.33 at 0.3); 1 is for training
            from scratch.
        fused: compute it by `ops.fused_filter`, the same function and gradients at
            less time and memory; False uses PyTorch's plain operators. 'triton' filters
            maps on CUDA by Triton kernels where they agree with plain operators;
            elsewhere it is True. Compiled, traced and exported models have the plain
            operators whichever it is.

    Raises:
        ConfigError: an option outside what is allowed.
    """

    def __init__(
        self,
        num_channels: int,
        *,
        clip_len: int,
        num_basis: int = 8,
        kernel_size: int = 3,
        split_ratio: float = 0.5,
        temperature: float = 0.01,
        fc_ratio: int = 2,
        align: str = 'conv',
        logit_norm: str | None = 'BN',
        init: str = 'centred',
        init_scale: float = 0.3,
        fused: bool | str = True,
    ) -> None:
        super().__init__()
        given = locals()
        for option, allowed in _ALLOWED.items():
            if given[option] not in allowed:
                raise ConfigError(
                    f'{option} = {given[option]!r} of RATF: allowed are '
                    + ', '.join(map(repr, allowed))
                )
        _check_numbers(num_basis, kernel_size, split_ratio, temperature, fc_ratio)
        self.clip_len, self.num_basis, self.kernel_size = (
            clip_len,
            num_basis,
            kernel_size,
        )
        self.temperature = temperature
        self.init, self.init_scale = init, init_scale
        self.fused = fused
        self._composed: Tensor | None = None
        self.num_filtered = max(1, int(num_channels * split_ratio))
        hidden, c = fc_ratio * clip_len, self.num_filtered
        self.fc1 = nn.Linear(clip_len, hidden, bias=False)
        self.fc2 = nn.Linear(hidden, kernel_size)
        self.has_align = align == 'conv'
        if self.has_align:
            self.align_previous = nn.Conv2d(c, c, 3, padding=1, bias=False)
            self.align_current = nn.Conv2d(c, c, 1, bias=False)
            self.align_following = nn.Conv2d(c, c, 3, padding=1, bias=False)
        has_norm = logit_norm == 'BN'
        self.aggregate = nn.Conv2d(clip_len * c, num_basis, 1, bias=not has_norm)
        self.logit_norm = nn.BatchNorm2d(num_basis) if has_norm else nn.Identity()
        self.init_weights()

    def init_weights(self) -> None:
        """Draw the initial weights, see `init` in the class's docstring."""
        for layer in self.modules():
            if layer is not self and hasattr(layer, 'reset_parameters'):
                layer.reset_parameters()
        scale = 0.0 if self.init == 'identity' else self.init_scale
        with torch.no_grad():
            self.fc2.weight *= scale
            self.fc2.bias.zero_()
            self.fc2.bias[self.kernel_size // 2] = 1
            if self.init == 'difference':
                self.fc2.bias[self.kernel_size // 2 - 1 :: 2][:2] = -0.5
            # Small logits start every basis near an equal share; PyTorch's default
            # makes the softmax at 0.01 near one-hot, and its gradient vanish.
            self.aggregate.weight.normal_(0, 1e-3)
            if self.aggregate.bias is None:
                self.logit_norm.weight.fill_(self.temperature)
            else:
                self.aggregate.bias.zero_()

    def make_basis(self, features: Tensor) -> Tensor:
        """Generate the basis filters, Eq. (1).

        Args:
            features: (B, T, c, H, W), the channels that are filtered.

        Returns:
            (B, c, R, K).
        """
        bins = pool_to_strips(features, num_bins=self.num_basis)
        return self._generate_basis(bins)

    def _generate_basis(self, bins: Tensor) -> Tensor:
        # (B, T, c, R) -> (B, c, R, T)
        return self.fc2(self.fc1(bins.permute(0, 2, 3, 1)).relu())

    def make_logits(self, features: Tensor) -> Tensor:
        """Compute the logit of each basis at each position: Eq. (2), 1x1, norm.

        Args:
            features: (B, T, c, H, W).

        Returns:
            (B, R, H, W), eta in the paper.
        """
        return self._convolve(features.flatten(1, 2))

    def _convolve(self, stacked: Tensor) -> Tensor:
        """(B, T*c, H, W) -> (B, R, H, W)."""
        kernel = self._fold_kernel()
        return self._shift_logits(
            F.conv2d(stacked, kernel, padding=kernel.shape[-1] // 2)
        )

    def _shift_logits(self, logits: Tensor) -> Tensor:
        """Normalise the logits, or add the bias of the 1x1."""
        if self.aggregate.bias is not None:
            logits = logits + self.aggregate.bias[:, None, None]
        return self.logit_norm(logits)

    def keep_composed(self) -> None:
        """Compose the alignment once, for inference; see `inference_folding`."""
        self._composed = None
        with torch.no_grad():
            self._composed = self._fold_kernel()

    def train(self, mode: bool = True) -> RATF:
        """As `Module.train`; weights that may change compose their kernel anew."""
        if mode:
            self._composed = None
        return super().train(mode)

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        self._composed = None
        super()._load_from_state_dict(*args, **kwargs)

    def _apply(self, *args, **kwargs) -> RATF:
        self._composed = None  # it would keep its old device and dtype
        return super()._apply(*args, **kwargs)

    def _fold_kernel(self) -> Tensor:
        """(R, T*c, 3, 3), or 1x1 without alignment: the frames' way to the logits."""
        if self._composed is not None and not torch.is_grad_enabled():
            return self._composed
        if not self.has_align:
            return self.aggregate.weight
        # One kernel from three: rounded once, to what the convolution runs in.
        aggregate = self.aggregate.weight.flatten(1)
        with without_autocast(aggregate):
            return fold_alignment(
                self.align_previous.weight,
                self.align_current.weight,
                self.align_following.weight,
                aggregate.unflatten(1, (self.clip_len, -1)),
            )

    def make_weights(self, features: Tensor) -> Tensor:
        """Return each basis's share at each position, Eq. (3): (B, R, H, W) in fp32."""
        return weigh_bases(self.make_logits(features), temperature=self.temperature)

    def forward(self, x: Tensor) -> Tensor:
        """Filter the first channels of each snippet; (B*T, C, H, W), T innermost."""
        # A compiler fuses plain operators itself, and an exporter knows no others.
        if is_compiling():
            return self._forward_compiled(x)
        if not self.fused or torch.jit.is_tracing():
            return self._forward_plain(x)
        if can_summarise(x):
            x, logits, bins = summarise_snippets(
                x,
                self._fold_kernel(),
                pooling_matrix(*x.shape[2:], self.num_basis, x.dtype),
                num_frames=self.clip_len,
            )
            basis, logits = self._generate_basis(bins), self._shift_logits(logits)
        else:
            features = self._features(x)
            basis, logits = self.make_basis(features), self.make_logits(features)
        return filter_regions(
            x,
            basis,
            logits,
            temperature=self.temperature,
            num_frames=self.clip_len,
            triton=self.fused == 'triton',
        )

    def _features(self, x: Tensor) -> Tensor:
        return x.unflatten(0, (-1, self.clip_len))[:, :, : self.num_filtered]

    def _forward_plain(self, x: Tensor) -> Tensor:
        features = self._features(x)
        filters = mix_basis_filters(
            self.make_basis(features), self.make_weights(features)
        )
        filtered = filter_over_time(features, filters)  # (B, T, c, H, W)
        rest = x[:, self.num_filtered :]
        return torch.cat([filtered.flatten(0, 1).to(rest.dtype), rest], dim=1)

    def _forward_compiled(self, x: Tensor) -> Tensor:
        basis = self.make_basis(self._features(x))
        frames = x.permute(0, 2, 3, 1).unflatten(0, (-1, self.clip_len))
        stacked = frames[..., : self.num_filtered].permute(0, 2, 3, 1, 4).flatten(3)
        logits = self._convolve(stacked.permute(0, 3, 1, 2))
        weights = weigh_bases(logits, temperature=self.temperature)
        filtered = filter_channels_innermost(frames, basis, weights)
        return filtered.flatten(0, 1).permute(0, 3, 1, 2)


def _check_numbers(
    num_basis: int,
    kernel_size: int,
    split_ratio: float,
    temperature: float,
    fc_ratio: int,
) -> None:
    claims = {
        f'num_basis = {num_basis}: need 1 or more': num_basis >= 1,
        f'kernel_size = {kernel_size}: need an odd number from 3 on': (
            kernel_size % 2 == 1 and kernel_size >= 3
        ),
        f'split_ratio = {split_ratio}: need a share in (0, 1]': 0 < split_ratio <= 1,
        f'temperature = {temperature}: need a number above 0': temperature > 0,
        f'fc_ratio = {fc_ratio}: need 1 or more': fc_ratio >= 1,
    }
    for message, holds in claims.items():
        if not holds:
            raise ConfigError(f'{message} (RATF)')
