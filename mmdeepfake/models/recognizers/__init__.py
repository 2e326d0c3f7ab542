from .frame_recognizer import FrameRecognizer
from .snippet_recognizer import SnippetRecognizer
from .snippet_recognizer_3d import SnippetRecognizer3D

__all__ = ['FrameRecognizer', 'SnippetRecognizer', 'SnippetRecognizer3D']
