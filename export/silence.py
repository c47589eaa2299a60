"""TensorFlow and its converter talk to the terminal, in part past Python; here they are kept quiet."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator

from edge_hwr.native_messages import native_messages_dropped


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Drop warnings and all that is printed meanwhile; what goes wrong arrives as an exception all the same."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
        native_messages_dropped(),
    ):
        yield
