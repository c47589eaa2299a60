"""Text for line models to be trained on, written with fonts: the Debian handbook in ten languages, a paragraph a line.

python -m edge_hwr.export.training_texts PACKAGES OUT     (or make texts)
"""

from __future__ import annotations

import sys
from pathlib import Path

from edge_hwr.errors import EdgeHwrError
from edge_hwr.files import write_atomically

from .language_texts import fetch_packages, handbook_paragraphs

HANDBOOK = "debian-handbook"

LANGUAGES = ("da-DK", "de-DE", "en-US", "es-ES", "fr-FR", "it-IT", "nb-NO", "nl-NL", "pt-BR", "sv-SE")
"""Those that the charset of `lines` can write."""


def main(packages: str, out: str) -> None:
    """Fetch the package into one folder, and write `da.txt`, `de.txt`, ... into the other."""
    package = fetch_packages(Path(packages), HANDBOOK)[HANDBOOK]
    Path(out).mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        paragraphs = [" ".join(paragraph.split()) for paragraph in handbook_paragraphs(package, language)]
        path = Path(out, f"{language[:2]}.txt")
        write_atomically(path, "".join(f"{paragraph}\n" for paragraph in paragraphs if paragraph).encode())
        print(f"{path}: {len(paragraphs):,} paragraphs")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except EdgeHwrError as problem:
        sys.exit(f"edge-hwr: error: {problem}")
