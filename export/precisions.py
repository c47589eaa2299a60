"""The table of precisions of the bundles that ship, docs/precisions.md, out of the bundles themselves.

    python -m edge_hwr.export.precisions docs/precisions.md

`edge-hwr export` measures a network in every precision on the validation glyphs, and stores what it found in the
bundle: so anyone can write this page again without the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from edge_hwr.bundle import Bundle, open_bundle, shipped_bundles
from edge_hwr.files import write_atomically

_HEAD = """\
# Precisions

Each network that ships, in every precision that `edge-hwr export` makes of it. Written by `make precision-docs` out of
the bundles' own metadata, where the export has put what it measured: the bytes of the model alone, the mean accuracy
over the groups of validation glyphs (many of them drawn as a camera sees them, harder than the test sets of the model
cards; for lines the mean character error rate, CER), the points of it that are lost against float32, and the median
time of one glyph or line in the network, on one thread of the machine that exported it, which may be another one for
each: x86-64 without VNNI gains no time by int8. The one in bold ships.
"""


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def main(out: Path) -> None:
    """Write the page."""
    bundles = map(open_bundle, shipped_bundles())
    write_atomically(out, render_precisions(bundles).encode())


def render_precisions(bundles: Iterable[Bundle]) -> str:
    """The page in Markdown; a bundle whose export stored no table is named as such."""
    return "\n".join([_HEAD, *("\n".join(_section(bundle)) for bundle in bundles)])


def _section(bundle: Bundle) -> Iterator[str]:
    metadata = bundle.metadata
    yield f"## {metadata.name}\n"
    precisions = metadata.metrics.get("precisions")
    if not precisions:
        yield "Exported by a version that stored no table of precisions.\n"
        return
    ships = (
        "int8 qat" if (metadata.precision, metadata.metrics.get("method")) == ("int8", "qat") else metadata.precision
    )
    measured = "cer" if metadata.task == "line" else "accuracy"
    yield f"| precision | bytes | {'CER' if measured == 'cer' else measured} | drop (points) | ms a {metadata.task} |"
    yield "|---|---:|---:|---:|---:|"
    for name, figures in precisions.items():
        shown = f"**{name}**" if name == ships else name
        yield (
            f"| {shown} | {figures['bytes']:,} | {figures[measured]:.2%} | {figures['drop_points'] + 0.0:.3f} | "
            f"{figures['ms']:.3f} |"
        )
    yield ""


if __name__ == "__main__":
    main()
