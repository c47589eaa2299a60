"""doctor_page.py FOLDER PAGE: put what `edge-hwr doctor` printed, kept in FOLDER by the suites, into PAGE.

This machine is examined anew; the others' outputs are there after `make test-camera` and `make test-arm64`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ENVIRONMENTS = {
    "this-machine": "A workstation",
    "trixie": "An emulated Pi: Trixie, 64-bit",
    "bookworm-camera": "An emulated Pi: Bookworm, 64-bit, ai-edge-litert on apt's NumPy 1",
    "bookworm": "An emulated Pi: Bookworm, 64-bit, ai-edge-litert, no system packages",
    "bookworm-tflite": "An emulated Pi: Bookworm, 64-bit, tflite-runtime on apt's NumPy 1",
    "virtual-camera": "picamera2 and cameras (libcamera's virtual ones)",
}

FAULTS = {
    "no-runtime": "No TFLite runtime",
    "wrong-numpy-abi": "NumPy 2 under tflite-runtime, which is built on NumPy 1",
    "no-picamera2": "No picamera2",
    "no-camera": "No camera",
    "camera-busy": "The camera is used by another program",
    "damaged-bundle": "One bit of a model has changed",
    "read-only-disk": "A read-only disk",
    "no-permission": "No permission on the camera",
}

SAME_AS = {"no-picamera2": "trixie"}
"""The Debian that Raspberry Pi OS is made of has no picamera2: there the fault is the natural state."""

INTRODUCTION = """# edge-hwr doctor

`edge-hwr doctor` looks whether this machine is ready to read, and says what to type if it is not: one line a
finding, and under each that is not fine the command that mends it. `--json` gives the same as one object. The exit
status is 0 if all is fine, 3 if there are warnings, 1 if there is a failure.

NumPy, OpenCV, the TFLite runtime and picamera2 are loaded in processes of their own: built for another NumPy or
processor, they may end the process that loads them.

Below is what it printed in the environments of `make test-camera` and `make test-arm64`, and with eight faults
provoked there, none of them simulated. This page is written by `make doctor-docs`.

## Where all is well, or nearly
"""

FAULTS_INTRODUCTION = """
## Faults

Of these, only the findings that are not fine.
"""


_KERNEL = re.compile(r"(Linux \d+\.\d+\.\d+)\S*")


def main(folder: Path, page: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    examined = subprocess.run(
        [Path(sys.executable).with_name("edge-hwr"), "doctor"], capture_output=True, text=True, timeout=300, check=False
    )
    # Where this tree lies says nothing to a reader.
    shown = examined.stdout.replace(str(Path.cwd()), "/home/me/edge-hwr")
    (folder / "this-machine.txt").write_text(shown, "utf-8")
    outputs = {name: folder / f"{SAME_AS.get(name, name)}.txt" for name in (*ENVIRONMENTS, *FAULTS)}
    if missing := [name for name, file in outputs.items() if not file.is_file()]:
        sys.exit(f"not there yet: {', '.join(missing)}; run make test-camera and make test-arm64")
    # A kernel's local name says nothing to a reader either.
    texts = {name: _KERNEL.sub(r"\1", file.read_text("utf-8")) for name, file in outputs.items()}
    parts = [INTRODUCTION]
    parts += [_section(title, texts[name]) for name, title in ENVIRONMENTS.items()]
    parts += [FAULTS_INTRODUCTION]
    parts += [_section(title, _without_fine(texts[name])) for name, title in FAULTS.items()]
    page.write_text("".join(parts), "utf-8")


def _section(title: str, output: str) -> str:
    return f"\n### {title}\n\n```\n{output}```\n"


def _without_fine(output: str) -> str:
    return "".join(line for line in output.splitlines(keepends=True) if not line.startswith("fine "))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
