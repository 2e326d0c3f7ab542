"""DeepfakeBench's data, read into a manifest and written from one.

DeepfakeBench (Yan et al., NeurIPS 2023 Datasets and Benchmarks) keeps a folder of
numbered PNGs a video, landmarks and masks in folders beside it, and one JSON file a
dataset that lists them. Its data are face crops of 32 frames spread over a video, each
warped on its own: fit for networks that see single frames; of snippets of consecutive
frames they hold none, and what follows here says so rather than hides it.
"""

from .exporting import ExportReport, export_bench
from .importing import ImportReport, import_bench
from .reading import Defect

__all__ = ['Defect', 'ExportReport', 'ImportReport', 'export_bench', 'import_bench']
