from .snippet_recognizer import SnippetRecognizer

__all__ = ['SnippetRecognizer']
