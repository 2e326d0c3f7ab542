"""Datasets of real and fake videos, and their transforms."""

from mmdeepfake.lazy_names import import_on_demand

_HOMES = {
    'CorruptVideo': '.transforms',
    'CropFace': '.transforms',
    'DecodeFrames': '.transforms',
    'DeepfakeDataset': '.deepfake_dataset',
    'FaceForensics': '.unprepared_sets',
    'MakePseudoFake': '.pseudo_fakes',
    'MapForgery': '.pseudo_fakes',
    'OpenVideo': '.transforms',
    'PairSampler': '.pseudo_fakes',
    'PseudoFakeDataset': '.pseudo_fakes',
    'SampleSnippets': '.transforms',
    'VideoFolder': '.unprepared_sets',
}
__all__ = sorted(_HOMES)
__getattr__ = import_on_demand(__name__, _HOMES)
