"""DeepfakeBench's names of datasets and labels, and ours."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

from mmdeepfake.layouts.faceforensics import COMPRESSION_ALIASES
from mmdeepfake.layouts.layout import AS_IS
from mmdeepfake.structures import FAKE, REAL, REAL_METHOD, VideoKey

# Our compression level -> theirs, in the datasets that have levels.
COMPRESSIONS = {'c0': 'raw', 'c23': 'c23', 'c40': 'c40'}


class BenchLabel(NamedTuple):
    """Our dataset and manipulation (or 'real') of one of their labels."""

    dataset: str
    method: str

    @property
    def label(self) -> int:
        """0 or 1, which their files lack."""
        return REAL if self.method == REAL_METHOD else FAKE


FFPP = 'FaceForensics++'
DFD = 'DeepFakeDetection'
_NAMES = {  # our dataset -> their label -> our manipulation
    FFPP: {
        'FF-real': REAL_METHOD,
        'FF-DF': 'Deepfakes',
        'FF-F2F': 'Face2Face',
        'FF-FS': 'FaceSwap',
        'FF-NT': 'NeuralTextures',
        'FF-FH': 'FaceShifter',
        'FF-SH': 'FaceShifter',  # their other name for it
    },
    DFD: {'DFD_real': REAL_METHOD, 'DFD_fake': DFD},
    'Celeb-DF-v1': {'CelebDFv1_real': REAL_METHOD, 'CelebDFv1_fake': 'Celeb-synthesis'},
    'Celeb-DF-v2': {'CelebDFv2_real': REAL_METHOD, 'CelebDFv2_fake': 'Celeb-synthesis'},
    'DFDC-preview': {
        'DFDCP_Real': REAL_METHOD,
        'DFDCP_FakeA': 'method_A',
        'DFDCP_FakeB': 'method_B',
    },
    'DFDC': {'DFDC_Real': REAL_METHOD, 'DFDC_Fake': 'DFDC'},
    'DeeperForensics-1.0': {'DF_real': REAL_METHOD, 'DF_fake': 'end_to_end'},
    'UADFV': {'UADFV_Real': REAL_METHOD, 'UADFV_Fake': 'UADFV'},
    'roop': {'roop_Real': REAL_METHOD, 'roop_Fake': 'roop'},
}
LABELS = {
    label: BenchLabel(dataset, method)
    for dataset, names in _NAMES.items()
    for label, method in names.items()
}
# A dataset named without a version is the current one.
_ALIASES = {'Celeb-DF': 'Celeb-DF-v2'}
# Our dataset -> the name of their file, if it differs.
_FILE_NAMES = {'DFDC-preview': 'DFDCP'}
# The files of one manipulation each: its fakes and the real videos.
METHOD_FILES = {
    'Deepfakes': 'FF-DF',
    'Face2Face': 'FF-F2F',
    'FaceSwap': 'FF-FS',
    'NeuralTextures': 'FF-NT',
    'FaceShifter': 'FaceShifter',
}


def guess_label(name: str, dataset: str) -> BenchLabel:
    """Return the meaning of an unknown label: real if its name says so, else fake."""
    is_real = 'real' in name.lower()
    return BenchLabel(dataset, REAL_METHOD if is_real else name)


# DF40's folders of test and training fakes, and where its real videos lie.
_DF40_FOLDERS = ('DF40', 'DF40_train')
_DF40_DOMAINS = ('ff', 'cdf')
_DF40_REALS = {'FaceForensics++': 'ff', 'Celeb-DF-v2': 'cdf'}
DF40_FF = 'DF40-ff'


def is_in_df40(folder: str) -> bool:
    """Return whether a folder of frames is one of DF40's own."""
    return not {*_DF40_FOLDERS}.isdisjoint(PurePosixPath(folder).parts)


def df40_key(label: str, video: str, folder: str) -> VideoKey | None:
    """Return the key of a video in a file of DF40 by its folder; None if it has none.

    Its files list one method or many each, and the real videos again in each of them,
    under further names. The dataset is the domain, 'DF40-ff' or 'DF40-cdf', or
    'DF40-<method>' for methods with real videos of their own; the name is the folder's.
    """
    *parts, name = PurePosixPath(folder).parts or ('',)
    # Single images of one folder are named by their file alone.
    name = name if parts and parts[-1] == 'frames' else video
    is_real = guess_label(label, '').label == REAL
    for index, part in enumerate(parts):
        inner = [*parts[index + 1 :], name, '']
        if part in _DF40_FOLDERS:
            method = inner[0]
            domain = 'ff' if part == 'DF40_train' else inner[1]
            domain = domain if domain in _DF40_DOMAINS else method
        elif is_real and part in _DF40_REALS:
            method, domain = '', _DF40_REALS[part]
        else:
            continue
        return VideoKey(
            f'DF40-{domain}',
            REAL if is_real else FAKE,
            REAL_METHOD if is_real else method,
            AS_IS,
            name,
        )
    return None


def label_of(key: VideoKey) -> str:
    """Return their label of one of our videos."""
    dataset = _ALIASES.get(key.dataset, key.dataset)
    for name, meaning in LABELS.items():
        if (meaning.dataset, meaning.method) == (dataset, key.method):
            return name
    for name, meaning in LABELS.items():
        # A method without a label of its own; FaceForensics++'s all have one.
        if (meaning.dataset, meaning.label) == (dataset, key.label) != (FFPP, FAKE):
            return name
    end = 'Real' if key.label == REAL else 'Fake'
    return f'{key.dataset}_{end}'


def file_of(dataset: str) -> str:
    """Return the name, without suffix, of their file of one of our datasets."""
    dataset = _ALIASES.get(dataset, dataset)
    return _FILE_NAMES.get(dataset, dataset)


def has_levels(dataset: str) -> bool:
    """Return whether their file of one of our datasets has compression levels."""
    return dataset in (FFPP, DFD)


def our_level(name: str | None) -> str:
    """Return our name of a compression level: 'raw' -> 'c0', None -> 'as_is'."""
    if name is None:
        return AS_IS
    return COMPRESSION_ALIASES.get(name.lower(), name)
