"""Fakes made of real videos, for training without fakes."""

from .pair_sampler import PairSampler
from .pseudo_fake import MakePseudoFake, PseudoFake
from .pseudo_fake_dataset import PseudoFakeDataset
from .self_blend import SelfBlend

__all__ = [
    'MakePseudoFake',
    'PairSampler',
    'PseudoFake',
    'PseudoFakeDataset',
    'SelfBlend',
]
