"""What a cold start costs: run as a program, in a process of its own, it measures that process.

    python -m edge_hwr.device.bench.cold MODEL THREADS < PAGE

prints one JSON object. A bundle reads the PAGE, an array as npy files have it; where that is empty, the bare model is
invoked. In a process that has measured other things, imports would be free and the peak of the memory somebody else's.
"""

from __future__ import annotations

import time

_STARTED = time.monotonic()  # before the imports, which are part of what is measured

import io  # noqa: E402
import json  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from edge_hwr.errors import EdgeHwrError, ModelError  # noqa: E402
from edge_hwr.reader import Reader  # noqa: E402

from .bare import BareModel  # noqa: E402
from .pages import drawn_page  # noqa: E402
from .subject import Subject  # noqa: E402

_IMPORTED = time.monotonic()

_STARTS = 3
_TIMEOUT_S = 120.0


def measure_cold_start(subject: Subject, threads: int) -> dict[str, Any]:
    """Medians of three fresh processes: milliseconds to import, to load the model, of its first inference; peak memory.

    `peak_mb` is in MiB, None on systems that do not tell; all of Python and OpenCV is in it.
    """
    command = [sys.executable, "-P", "-m", __name__, str(subject.path), str(threads)]
    page = io.BytesIO()
    if subject.bundle:  # drawn here: it would be in the time and in the memory of what is measured
        np.save(page, drawn_page(subject.bundle))
    starts = []
    for _ in range(_STARTS):
        try:
            done = subprocess.run(command, input=page.getvalue(), capture_output=True, timeout=_TIMEOUT_S, check=True)
            starts.append(json.loads(done.stdout))
        except (subprocess.SubprocessError, OSError, ValueError) as error:
            said = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace")
            last = "".join(said.strip().splitlines()[-1:])
            raise ModelError(f"model {subject.name} does not run in a fresh process: {last}") from error
    return {
        key: None if starts[0][key] is None else float(np.median([start[key] for start in starts])) for key in starts[0]
    }


def _main() -> None:
    path, threads, page = Path(sys.argv[1]), int(sys.argv[2]), sys.stdin.buffer.read()
    run: Callable[[], object]
    grey = np.load(io.BytesIO(page)) if page else None
    begun = time.monotonic()
    if grey is not None:
        run = partial(Reader(path, threads=threads).read, grey)
    else:
        run = BareModel(path.read_bytes(), threads=threads).run
    loaded = time.monotonic()
    run()
    first = time.monotonic()
    measured = {
        "import_ms": 1000 * (_IMPORTED - _STARTED),
        "load_ms": 1000 * (loaded - begun),
        "first_ms": 1000 * (first - loaded),
        "peak_mb": _peak_mb(),
    }
    print(json.dumps(measured))


def _peak_mb() -> float | None:
    """The most memory that this process has held; unlike getrusage's, without what its parent held before it."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return None
    kilobytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes[0]) / 1024 if kilobytes else None


if __name__ == "__main__":
    try:
        _main()
    except EdgeHwrError as error:
        sys.exit(str(error))
