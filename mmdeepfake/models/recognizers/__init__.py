from .snippet_recognizer import SnippetRecognizer
from .snippet_recognizer_3d import SnippetRecognizer3D

__all__ = ['SnippetRecognizer', 'SnippetRecognizer3D']
