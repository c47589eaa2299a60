"""Write the network of the shipped `digits` in float32, for runtimes that cannot run it in int8.

    python benchmarks/float_network.py digits-float32.tflite         (make bench-peers does)

Its weights are those of the int8 file, made float again: what is timed is the same arithmetic, in another precision.
"""

import sys

from edge_hwr.bundle import open_bundle
from edge_hwr.export.lending import load_lender
from edge_hwr.export.quantize import convert
from edge_hwr.files import write_atomically

if __name__ == "__main__":
    write_atomically(sys.argv[1], convert(load_lender(open_bundle("digits").path), "float32", []))
