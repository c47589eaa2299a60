"""NumPy, OpenCV, the TFLite runtime, and the models that ship."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution

from .finding import Finding, failure, fine, warning
from .probing import Answer, Ask

NORMAL_DIFFERENCE = {"glyph": 2, "line": 32}
"""Steps of int8 that runtimes and processors differ by. A line model is three times as deep, its steps are finer and it
gives some ten thousand scores: with tflite-runtime on 64-bit ARM one or the other differs by twenty or so, and the text
is the same."""

# tflite-runtime loads with any NumPy, and fails when it is given a model.
_BUILT_ON_NUMPY = {"models": "the TFLite runtime", "opencv": "OpenCV", "picamera2": "picamera2"}


def pip_install(*requirements: str) -> str:
    """The line that installs into the very Python that runs now."""
    return shlex.join([sys.executable, "-m", "pip", "install", *requirements])


def match_numpy_1() -> str:
    """The line for extensions built against NumPy 1, as apt's in Bookworm and tflite-runtime: OpenCV must fit, too."""
    return pip_install("numpy<2", "opencv-python-headless<4.12")


def check_numpy(ask: Ask) -> Finding:
    """NumPy, and whether what is built upon it was built for this one."""
    name, numpy = "NumPy", ask("numpy")
    if not numpy.well:
        return failure(name, _complaint("NumPy", numpy), pip_install("--force-reinstall", "numpy"))
    found = f"{numpy.values['version']} in {numpy.values['folder']}"
    misfits = [what for probe, what in _BUILT_ON_NUMPY.items() if ask(probe).another_abi]
    if misfits:
        return failure(name, f"{found}, but {' and '.join(misfits)} was built for another NumPy", match_numpy_1())
    return fine(name, found)


def check_opencv(ask: Ask) -> Finding:
    name, opencv = "OpenCV", ask("opencv")
    if opencv.well:
        return fine(name, f"{opencv.values['version']} in {opencv.values['folder']}")
    if opencv.another_abi:
        return failure(name, _complaint(name, opencv), match_numpy_1())
    # Without a screen there is no libGL for the package that can open windows.
    return failure(name, _complaint(name, opencv), pip_install("--force-reinstall", "opencv-python-headless"))


def check_runtime(ask: Ask) -> Finding:
    """Which TFLite runtime runs the models, and why this one."""
    name, runtime = "TFLite runtime", ask("runtime")
    wide = sys.maxsize > 2**32
    wanted = pip_install("ai-edge-litert") if wide else pip_install("tflite-runtime", "numpy<2")
    if not runtime.well:
        if runtime.another_abi:
            return failure(name, _complaint("it", runtime), match_numpy_1())
        said = "none is installed" if runtime.kind == "RuntimeMissingError" else _complaint("it", runtime)
        return failure(name, said, wanted)
    found = f"{runtime.values['name']} {runtime.values['version']}"
    match runtime.values["name"]:
        case "ai-edge-litert":
            return fine(name, f"{found}, the first choice")
        case "tflite-runtime":
            why = "ai-edge-litert, the first choice, is not installed" if wide else "the only one for 32 bits"
            return fine(name, f"{found}: {why}")
        case _:
            return warning(name, f"{found}: slow to load and large; a small runtime is not installed", wanted)


def check_models(ask: Ask) -> Finding:
    """The golden vectors of the shipped bundles: does this machine compute what was computed at their export?"""
    name, models = "Models", ask("models")
    reinstall = pip_install("--force-reinstall", "--no-deps", _origin())
    if not models.well:
        if models.kind in ("RuntimeMissingError", "ModuleNotFoundError") or models.another_abi:
            return failure(name, "cannot be tried until the failures above are mended", "see above")
        return failure(name, _complaint("a model", models), reinstall)
    if not models.values:
        return failure(name, "none ships with this installation", reinstall)
    for bundle, report in models.values.items():
        if "error" in report:
            return failure(name, report["error"], reinstall)
        if report["decisions_changed"]:
            changed = f"{report['decisions_changed']} of {report['samples']} golden samples"
            return failure(
                name, f"{bundle}: {changed} are read otherwise than at export", pip_install("-U", "ai-edge-litert")
            )
        if report["precision"] == "int8" and report["largest_difference"] > NORMAL_DIFFERENCE[report["task"]]:
            found = f"{bundle}: scores differ by {report['largest_difference']:g} steps from those at export"
            return warning(name, found, pip_install("-U", "ai-edge-litert"))
    samples = sum(report["samples"] for report in models.values.values())
    steps = max(report["largest_difference"] for report in models.values.values())
    return fine(
        name,
        f"{', '.join(models.values)}: {samples} golden samples read as at export, scores differ by {steps:g} at most",
    )


def _origin() -> str:
    """Where this very installation came from: pip keeps the address of a wheel or folder that is in no index."""
    try:
        return str(json.loads(distribution("edge-hwr").read_text("direct_url.json") or "{}")["url"])
    except (PackageNotFoundError, KeyError, ValueError):
        return "edge-hwr"


def _complaint(what: str, answer: Answer) -> str:
    if answer.kind == "ModuleNotFoundError":
        return f"not installed ({answer.error})"
    return f"{what} does not load: {answer.error or answer.kind}"
