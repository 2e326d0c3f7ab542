from .flipping_data_preprocessor import FlippingDataPreprocessor

__all__ = ['FlippingDataPreprocessor']
