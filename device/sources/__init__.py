"""Sources of frames: pictures, videos, streams and cameras, all behind one small interface."""

from .opening import open_source
from .source import READ_TIMEOUT_S, Frame, LiveSource, Source

__all__ = ["READ_TIMEOUT_S", "Frame", "LiveSource", "Source", "open_source"]
