"""`python -m edge_hwr` is `edge-hwr`."""

from edge_hwr.cli import main

main()
