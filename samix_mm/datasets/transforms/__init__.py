from .cached_image import CachedImageFromFile

__all__ = ['CachedImageFromFile']
