"""What DeepfakeBench calls datasets and labels, and what we call them."""

from __future__ import annotations

from dataclasses import dataclass

from mmdeepfake.layouts.faceforensics import COMPRESSION_ALIASES
from mmdeepfake.layouts.layout import AS_IS
from mmdeepfake.structures import FAKE, REAL, REAL_METHOD, VideoKey

# Our compression level -> theirs, in the sets that have levels.
COMPRESSIONS = {'c0': 'raw', 'c23': 'c23', 'c40': 'c40'}
# Ends of the file names that open one set and index another.
LEVEL_SUFFIXES = ('_c40', '_c23', '_raw')


@dataclass(frozen=True)
class BenchLabel:
    """What one of their labels means.

    Attributes:
        dataset: our name of the dataset.
        method: our name of the manipulation, or 'real'.
        has_levels: whether their files have a level of compressions under the split.
    """

    dataset: str
    method: str
    has_levels: bool = False

    @property
    def label(self) -> int:
        """0 or 1, which their files do not tell."""
        return REAL if self.method == REAL_METHOD else FAKE


_FFPP = 'FaceForensics++'
_DFD = 'DeepFakeDetection'
LABELS: dict[str, BenchLabel] = {
    'FF-real': BenchLabel(_FFPP, REAL_METHOD, True),
    'FF-DF': BenchLabel(_FFPP, 'Deepfakes', True),
    'FF-F2F': BenchLabel(_FFPP, 'Face2Face', True),
    'FF-FS': BenchLabel(_FFPP, 'FaceSwap', True),
    'FF-NT': BenchLabel(_FFPP, 'NeuralTextures', True),
    'FF-FH': BenchLabel(_FFPP, 'FaceShifter', True),
    'FF-SH': BenchLabel(_FFPP, 'FaceShifter', True),  # their other name for it
    'DFD_real': BenchLabel(_DFD, REAL_METHOD, True),
    'DFD_fake': BenchLabel(_DFD, _DFD, True),
    'CelebDFv1_real': BenchLabel('Celeb-DF-v1', REAL_METHOD),
    'CelebDFv1_fake': BenchLabel('Celeb-DF-v1', 'Celeb-synthesis'),
    'CelebDFv2_real': BenchLabel('Celeb-DF-v2', REAL_METHOD),
    'CelebDFv2_fake': BenchLabel('Celeb-DF-v2', 'Celeb-synthesis'),
    'DFDCP_Real': BenchLabel('DFDC-preview', REAL_METHOD),
    'DFDCP_FakeA': BenchLabel('DFDC-preview', 'method_A'),
    'DFDCP_FakeB': BenchLabel('DFDC-preview', 'method_B'),
    'DFDC_Real': BenchLabel('DFDC', REAL_METHOD),
    'DFDC_Fake': BenchLabel('DFDC', 'DFDC'),
    'DF_real': BenchLabel('DeeperForensics-1.0', REAL_METHOD),
    'DF_fake': BenchLabel('DeeperForensics-1.0', 'end_to_end'),
    'UADFV_Real': BenchLabel('UADFV', REAL_METHOD),
    'UADFV_Fake': BenchLabel('UADFV', 'UADFV'),
    'roop_Real': BenchLabel('roop', REAL_METHOD),
    'roop_Fake': BenchLabel('roop', 'roop'),
}
# A dataset that says no version is taken for the one in use.
_ALIASES = {'Celeb-DF': 'Celeb-DF-v2'}
# Our dataset -> the name of their file, where it is another.
FILE_NAMES = {'DFDC-preview': 'DFDCP'}
# The files of one manipulation each: its fakes and the real videos.
METHOD_FILES = {
    'Deepfakes': 'FF-DF',
    'Face2Face': 'FF-F2F',
    'FaceSwap': 'FF-FS',
    'NeuralTextures': 'FF-NT',
    'FaceShifter': 'FaceShifter',
}


def guess_label(name: str, file_name: str) -> BenchLabel:
    """Read a label that is not in the table: real if its name says so, else fake."""
    is_real = 'real' in name.lower()
    return BenchLabel(file_name, REAL_METHOD if is_real else name)


def label_of(key: VideoKey) -> str:
    """Give their label of one of our videos."""
    dataset = _ALIASES.get(key.dataset, key.dataset)
    for name, meaning in LABELS.items():
        if (meaning.dataset, meaning.method) == (dataset, key.method):
            return name
    for name, meaning in LABELS.items():
        # A method that they do not tell apart. FaceForensics++'s they all do.
        if (meaning.dataset, meaning.label) == (dataset, key.label) != (_FFPP, FAKE):
            return name
    end = 'Real' if key.label == REAL else 'Fake'
    return f'{key.dataset}_{end}'


def file_of(dataset: str) -> str:
    """Give the name of their file, without suffix, of one of our datasets."""
    dataset = _ALIASES.get(dataset, dataset)
    return FILE_NAMES.get(dataset, dataset)


def has_levels(dataset: str) -> bool:
    """Whether their file of one of our datasets has a level of compressions."""
    return dataset in (_FFPP, _DFD)


def our_level(name: str | None) -> str:
    """Give our name of a compression level: 'raw' -> 'c0', none -> 'as_is'."""
    if name is None:
        return AS_IS
    return COMPRESSION_ALIASES.get(name.lower(), name)
