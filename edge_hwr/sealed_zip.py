"""Zips that know whether they are whole: the comment at their end is the digest of all that stands before it.

Bundles and language models are such files. A zip is read from its end, so anything may stand before it: a flatbuffer.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping


def seal(members: Mapping[str, bytes], *, after: bytes = b"") -> bytes:
    """The bytes of a zip of these members, with `after` before it; the same arguments give the same bytes."""
    whole = io.BytesIO(after)
    # Appended to what is there already, so that the zip's offsets count from the start of the file.
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)  # dated 1980: the same bytes on every day
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
        # A comment of the final length, to be replaced below: the length stands before it and so is covered by it.
        archive.comment = _comment(b"")
    covered = whole.getvalue()[: -len(_comment(b""))]
    return covered + _comment(covered)


def is_sealed(data: bytes) -> bool:
    """Whether the bytes of a file end in the digest of all that stands before it."""
    covered = data[: -len(_comment(b""))]
    return data[len(covered) :] == _comment(covered)


def _comment(covered: bytes) -> bytes:
    return b"sha256:" + hashlib.sha256(covered).hexdigest().encode()
