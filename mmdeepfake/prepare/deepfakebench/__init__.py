"""DeepfakeBench's data, imported into a manifest and exported from one.

DeepfakeBench (Yan et al., NeurIPS 2023 Datasets and Benchmarks) keeps a folder of
numbered PNGs per video, landmarks and masks in sister folders, and one JSON file per
dataset that lists them. Its data are 32 face crops spread over a video, each warped
separately: fine for image models, but without snippets of consecutive frames; the
import reports that.
"""

from .exporting import ExportReport, export_bench
from .importing import ImportReport, import_bench
from .reading import Defect

__all__ = ['Defect', 'ExportReport', 'ImportReport', 'export_bench', 'import_bench']
