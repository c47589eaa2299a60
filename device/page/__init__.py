"""The page to watch a loop by: picture, text, state and measures, live in a browser. Loaded only where it is served."""

from .server import serve

__all__ = ["serve"]
