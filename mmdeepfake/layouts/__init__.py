"""Official dataset folders, and own videos, as lists of source videos."""

from .celeb_df import CelebDFLayout
from .celeb_df_pp import CelebDFPlusPlusLayout
from .csv_list import CsvLayout
from .deeper_forensics import DeeperForensicsLayout
from .deepfake_detection import DeepFakeDetectionLayout
from .dfdc import DFDCLayout
from .dfdc_preview import DFDCPreviewLayout
from .faceforensics import (
    CLASSIC_METHODS,
    COMPRESSION_ALIASES,
    DFD_METHOD,
    FaceForensicsLayout,
    list_faceforensics,
    plain_compression,
)
from .fakeavceleb import FakeAVCelebLayout
from .identity_split import refuse_shared_identities
from .layout import Layout
from .source_video import SourceVideo
from .video_folder import VideoFolderLayout, list_video_folder
from .wild_deepfake import WildDeepfakeLayout

# Keyed by the name that tools/prepare.py takes.
LAYOUTS: dict[str, Layout] = {
    'ffpp': FaceForensicsLayout(),
    'dfd': DeepFakeDetectionLayout(),
    'celeb_df': CelebDFLayout(),
    'celeb_df_pp': CelebDFPlusPlusLayout(),
    'dfdc': DFDCLayout(),
    'dfdc_preview': DFDCPreviewLayout(),
    'wild_deepfake': WildDeepfakeLayout(),
    'deeper_forensics': DeeperForensicsLayout(),
    'fakeavceleb': FakeAVCelebLayout(),
    'folder': VideoFolderLayout(),
    'csv': CsvLayout(),
}

__all__ = [
    'CLASSIC_METHODS',
    'COMPRESSION_ALIASES',
    'DFD_METHOD',
    'LAYOUTS',
    'CsvLayout',
    'Layout',
    'SourceVideo',
    'list_faceforensics',
    'list_video_folder',
    'plain_compression',
    'refuse_shared_identities',
]
