"""Fakes made of real videos, for training without fakes."""

from .animated_portrait import AnimatePortrait
from .face_swap import SwapFace
from .forgery_map import MapForgery
from .lip_sync import LipSync
from .pair_sampler import PairSampler
from .pseudo_fake import MakePseudoFake, PseudoFake
from .pseudo_fake_dataset import PseudoFakeDataset
from .resynthesis import Resynthesise
from .self_blend import SelfBlend

__all__ = [
    'AnimatePortrait',
    'LipSync',
    'MakePseudoFake',
    'MapForgery',
    'PairSampler',
    'PseudoFake',
    'PseudoFakeDataset',
    'Resynthesise',
    'SelfBlend',
    'SwapFace',
]
