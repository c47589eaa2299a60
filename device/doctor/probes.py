"""What the doctor tries in a process of its own: `python -m edge_hwr.device.doctor.probes NAME` answers in JSON.

A library that was built for another NumPy or processor may end the process without a word.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..causes import root_cause


def numpy() -> dict[str, Any]:
    import numpy as np

    return {"version": np.__version__, "folder": str(np.__path__[0])}


def opencv() -> dict[str, Any]:
    import cv2
    import numpy as np

    # Importing is not enough: the ABI of NumPy shows when arrays change hands.
    cv2.resize(np.zeros((4, 4), np.uint8), (2, 2))
    return {"version": cv2.__version__, "folder": str(cv2.__path__[0])}


def runtime() -> dict[str, Any]:
    from edge_hwr.runtime import runtime_name

    name = runtime_name()
    return {"name": name, "version": _version(name) or _version(f"{name}-cpu")}


def models() -> dict[str, Any]:
    """The golden vectors of each bundle that ships, replayed; `error` of one that cannot be.

    What is wrong with the runtime itself is no bundle's fault, and is raised.
    """
    from edge_hwr.bundle import open_bundle, shipped_bundles, verify_golden
    from edge_hwr.errors import BundleError, ModelError

    reports: dict[str, Any] = {}
    for name in shipped_bundles():
        try:
            bundle = open_bundle(name)
            report = verify_golden(bundle)
        except (BundleError, ModelError) as error:
            reports[name] = {"error": str(error)}
        else:
            reports[name] = {
                "samples": report.samples,
                "largest_difference": report.largest_difference,
                "decisions_changed": report.decisions_changed,
                "precision": bundle.metadata.precision,
                "task": bundle.metadata.task,
            }
    return reports


def picamera2() -> dict[str, Any]:
    import libcamera
    import picamera2

    return {
        "version": _version("picamera2"),
        "folder": str(picamera2.__path__[0]),
        "libcamera": _version("libcamera") or str(libcamera.__path__[0]),
    }


def cameras() -> dict[str, Any]:
    """The cameras that libcamera knows; of each its formats and greatest size, or why it cannot be opened."""
    from picamera2 import Picamera2

    return {
        str(number): {"model": info["Model"], **_formats(number)}
        for number, info in enumerate(Picamera2.global_camera_info())
    }


def _formats(number: int) -> dict[str, Any]:
    import libcamera
    from picamera2 import Picamera2

    try:
        camera = Picamera2(number)
    except (RuntimeError, IndexError) as error:
        return {"refusal": root_cause(error)}
    try:
        offered = camera.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0).formats
        names = [str(name) for name in offered.pixel_formats]
        sizes = [(size.width, size.height) for name in offered.pixel_formats for size in offered.sizes(name)]
    finally:
        camera.close()
    return {"formats": names, "largest": max(sizes, default=None)}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


PROBES: dict[str, Callable[[], dict[str, Any]]] = {
    probe.__name__: probe for probe in (numpy, opencv, runtime, models, picamera2, cameras)
}


def _main(name: str) -> None:
    try:
        answer: dict[str, Any] = {"values": PROBES[name]()}
    except Exception as error:  # whatever a broken library raises is the answer
        answer = {"kind": type(error).__name__, "error": root_cause(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    _main(sys.argv[1])
