from .cross_snippet_attention import CrossSnippetAttention, SnippetMaps

__all__ = ['CrossSnippetAttention', 'SnippetMaps']
