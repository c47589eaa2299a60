"""edge-hwr: handwriting recognition on small devices.

`edge_hwr.reader.Reader` turns a grey frame into a `Reading`; the sub-packages `edge_hwr.export` (workstation) and
`edge_hwr.device` (Raspberry Pi) build on this shared part and never on each other. This module imports nothing, so that
the command line starts at once.
"""

__version__ = "0.1.0"
