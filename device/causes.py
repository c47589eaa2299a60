"""Why an error happened."""

from __future__ import annotations


def root_cause(error: BaseException) -> str:
    """What the innermost error that has a message said, in one line: picamera2 wraps what libcamera says."""
    said = str(error)
    while (inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = inner
        said = str(error) or said
    return " ".join(said.split()) or type(error).__name__
