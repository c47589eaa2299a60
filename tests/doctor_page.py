"""doctor_page.py FOLDER PAGE: put what `edge-hwr doctor` printed, kept in FOLDER by the suites, into PAGE.

This machine is examined anew; the others' outputs are there after `make test-camera` and `make test-arm64`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TITLES = {
    "this-machine": "A workstation",
    "bookworm": "An emulated Pi: Bookworm, 64-bit, ai-edge-litert, no system packages",
    "bookworm-camera": "An emulated Pi: Bookworm, 64-bit, ai-edge-litert on apt's NumPy 1",
    "bookworm-tflite": "An emulated Pi: Bookworm, 64-bit, tflite-runtime on apt's NumPy 1",
    "trixie": "An emulated Pi: Trixie, 64-bit",
    "virtual-camera": "picamera2 and a camera (libcamera's virtual one)",
    "no-runtime": "Fault: no TFLite runtime",
    "wrong-numpy-abi": "Fault: tflite-runtime, which is built on NumPy 1, with NumPy 2",
    "no-picamera2": "Fault: no picamera2",
    "no-camera": "Fault: no camera",
    "camera-busy": "Fault: the camera is used by another program",
    "damaged-bundle": "Fault: one bit of a bundle has changed",
    "read-only-disk": "Fault: a read-only disk",
    "no-permission": "Fault: no permission on the camera",
}

INTRODUCTION = """# edge-hwr doctor

`edge-hwr doctor` looks whether this machine is ready to read, and says what to type if it is not: one line a
finding, and under each that is not fine the command that mends it. `--json` gives the same as one object. The exit
status is 0 if all is fine, 3 if there are warnings, 1 if there is a failure.

NumPy, OpenCV, the TFLite runtime and picamera2 are loaded in processes of their own: built for another NumPy or
processor, they may end the process that loads them.

Below is what it printed in each environment of the test suites, and with each fault really provoked there. This
page is written by `make doctor-docs`.
"""


def main(folder: Path, page: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    examined = subprocess.run(
        [Path(sys.executable).with_name("edge-hwr"), "doctor"], capture_output=True, text=True, timeout=300, check=False
    )
    (folder / "this-machine.txt").write_text(examined.stdout, "utf-8")
    # The Debian that Raspberry Pi OS is made of has no picamera2: there the fault is the natural state.
    outputs = {name: folder / f"{'trixie' if name == 'no-picamera2' else name}.txt" for name in TITLES}
    if missing := [name for name, file in outputs.items() if not file.is_file()]:
        sys.exit(f"not there yet: {', '.join(missing)}; run make test-camera and make test-arm64")
    sections = [f"\n## {TITLES[name]}\n\n```\n{file.read_text('utf-8')}```\n" for name, file in outputs.items()]
    page.write_text(INTRODUCTION + "".join(sections), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
