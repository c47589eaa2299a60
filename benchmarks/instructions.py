"""How many instructions a frame costs: a figure that no busy neighbour and no hot processor changes.

    python benchmarks/instructions.py x86_64                      needs valgrind
    python benchmarks/instructions.py aarch64 --root build/arm64  needs qemu-user, cc, and make-arm64-root before
    … --write    put the counts into instructions.json, beside this file
    … --check    fail when a count is more than 1 % above the one written there

On x86-64 callgrind counts, which has AVX2 but no AVX-512: a modern processor runs fewer and wider instructions. On
aarch64 a plugin of qemu counts, for the cores of a Zero 2 W (Cortex-A53), a Pi 4 (A72) and a Pi 5 (A76, which has the
int8 dot product). The milliseconds printed for these boards are ESTIMATES from the counts, the clock, and the range of
instructions a cycle that such cores reach in such code; they leave out memory and cameras. Nobody measured them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
COUNTS = HERE / "instructions.json"
REPEATS = 3
STAGES = ("layout", "preprocess", "invoke", "decode")
MARKS = ("nothing", *(f"frame of {n}" for n in (40, 20)), *STAGES)
"""What lies between the marks, each REPEATS times over."""

TOLERANCE = 0.01
Cost = dict[str, Any]
"""What "software" was counted, and "counts": instructions by name."""


@dataclass(frozen=True)
class Core:
    """A core as qemu and the kernel name it, where it is found, and the instructions a cycle that are assumed."""

    part: str
    board: str
    ghz: float
    least_per_cycle: float
    most_per_cycle: float
    l2_kb: int
    l2_shared_by: str


CORES = {
    "cortex-a53": Core("0xd03", "Zero 2 W", 1.0, 0.5, 1.0, 512, "0-3"),
    "cortex-a72": Core("0xd08", "Pi 4", 1.8, 0.9, 1.7, 1024, "0-3"),
    "cortex-a76": Core("0xd0b", "Pi 5", 2.4, 1.6, 2.9, 512, "0"),
}


def workload() -> None:
    """What is counted, run inside of callgrind or qemu: frames, then the stages of one frame, with marks between."""
    import cv2
    import numpy as np

    from edge_hwr.bundle import open_bundle
    from edge_hwr.decode import Decoder
    from edge_hwr.device.bench.pages import draw_page
    from edge_hwr.layout import find_glyphs
    from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs
    from edge_hwr.reader import Reader
    from edge_hwr.runtime import TfliteModel, runtime_name

    cv2.setNumThreads(1)
    bundle = open_bundle("digits")
    reader, model = Reader(bundle), TfliteModel(bundle.flatbuffer)
    decoder = Decoder(model.output_scale, bundle.metadata.temperature)
    parameters = GlyphPreprocessing.from_json(bundle.metadata.preprocessing)
    # As many frames as are read, each with a grain of its own.
    pages = {n: [draw_page(bundle.labels, glyphs=n, glyph_height=34, seed=k) for k in range(REPEATS)] for n in (40, 20)}
    for n, drawn in pages.items():
        for page in drawn:
            if len(reader.read(page).glyphs) != n:
                raise SystemExit(f"the layout does not find the {n} digits: the counts would mean nothing")
    layouts = [find_glyphs(page) for page in pages[40]]
    batches = [preprocess_glyphs(found, parameters) for found in layouts]
    raws = [model.invoke(batch) for batch in batches]
    mark()
    for _ in range(REPEATS):
        mark()
    for n in (40, 20):
        for page in pages[n]:
            reader.read(page)
            mark()
    for page in pages[40]:
        find_glyphs(page)
        mark()
    for found in layouts:
        preprocess_glyphs(found, parameters)
        mark()
    for batch in batches:
        model.invoke(batch)
        mark()
    for raw in raws:
        decoder.decode(raw)
        mark()
    software = {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__}
    software |= {runtime_name(): version(runtime_name()), "model": bundle.metadata.sha256[:12]}
    print(json.dumps(software))


def mark() -> None:
    """Ask for the priority of a process that is not: nothing else does, and both counters can see it."""
    try:
        os.getpriority(os.PRIO_PROCESS, 2**22 - 1)
    except ProcessLookupError:
        return


def count_x86_64() -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--dump-before=getpriority", f"--callgrind-out-file={folder}/out"]
        software = run([*command, sys.executable, __file__, "--workload"], {})
        dumps = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        counts = [int(re.search(r"^totals: (\d+)", dump.read_text(), re.M)[1]) for dump in dumps]  # type: ignore[index]
    # The first goes from the start of Python to the first mark.
    return {"software": software, "counts": by_name(counts[1:])}


def count_aarch64(root: Path, core: str) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        plugin, out, package = (Path(folder) / name for name in ("count.so", "out", "edge_hwr"))
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", plugin, HERE / "count_instructions.c"], check=True)
        package.mkdir()  # laid out as it is when installed: device/ is a sub-package
        for item in [*(HERE.parent / "edge_hwr").iterdir(), HERE.parent / "device"]:
            (package / item.name).symlink_to(item)
        python = next((root / "usr/bin").glob("python3.*"), None)
        if python is None:
            raise SystemExit(f"{root}: no Python for aarch64 in it: make it with benchmarks/make-arm64-root {root}")
        show_core(root, CORES[core])
        # qemu has no say in what the emulated Python sees of this one's environment.
        environment = {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": f"{folder}:{root / 'site'}"}
        command = ["qemu-aarch64", "-cpu", core, "-L", str(root), "-plugin", f"{plugin},out={out}"]
        software = run([*command, str(python), __file__, "--workload"], environment)
        totals = [int(line) for line in out.read_text().split()]
    return {"software": software, "counts": by_name([after - before for before, after in pairwise(totals)])}


def show_core(root: Path, core: Core) -> None:
    """Put into `root` what the kernel of a board with this core says of it.

    qemu shows its program these files in place of the host's, from which the runtime would choose its kernels (or, an
    x86-64 being no ARM core at all, crash).
    """
    files = {"possible": "0-3", "present": "0-3", "kernel_max": "3"}
    for number in range(4):
        cache = {"level": "2", "size": f"{core.l2_kb}K", "shared_cpu_list": core.l2_shared_by}
        files |= {f"cpu{number}/cache/index2/{name}": value for name, value in cache.items()}
    fields = {"CPU implementer": "0x41", "CPU architecture": "8", "CPU variant": "0x0", "CPU part": core.part}
    described = "".join(f"{key}\t: {value}\n" for key, value in {**fields, "CPU revision": "1"}.items())
    written = {root / "sys/devices/system/cpu" / name: value + "\n" for name, value in files.items()}
    written[root / "proc/cpuinfo"] = "".join(f"processor\t: {number}\n{described}\n" for number in range(4))
    for path, content in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def run(command: list[str], environment: dict[str, str]) -> dict[str, str]:
    """Run the workload; what it says of its software. Hashes are fixed, so that no dictionary is laid out by chance."""
    fixed = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    whole = {**os.environ, **fixed, **environment}
    try:
        done = subprocess.run(command, env=whole, check=True, capture_output=True, text=True, timeout=1800)
    except FileNotFoundError as error:
        raise SystemExit(f"{command[0]} is not installed: apt install valgrind qemu-user") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{command[0]} failed:\n{error.stderr[-2000:]}") from error
    software: dict[str, str] = json.loads(done.stdout)
    return software


def by_name(counts: list[int]) -> dict[str, int]:
    """The least of each mark's repeats, less what a mark itself costs."""
    if len(counts) < len(MARKS) * REPEATS:
        raise SystemExit(f"only {len(counts)} of {len(MARKS) * REPEATS} counts came: was the workload cut short?")
    least = {name: min(counts[k * REPEATS : (k + 1) * REPEATS]) for k, name in enumerate(MARKS)}
    figures = {name: count - least["nothing"] for name, count in least.items() if name != "nothing"}
    figures["glyph"] = round((figures["frame of 40"] - figures["frame of 20"]) / 20)
    return figures


def estimates(counts: dict[str, Cost]) -> list[str]:
    """Milliseconds a frame of 40 glyphs, board by board."""
    lines = []
    for name, core in CORES.items():
        if f"aarch64 {name}" not in counts:
            continue
        # Millions of instructions over thousands of millions a second: milliseconds.
        per_cycle_ms = counts[f"aarch64 {name}"]["counts"]["frame of 40"] / 1e6 / core.ghz
        lines.append(
            f"{core.board} ({name}, {core.ghz} GHz, {core.least_per_cycle} to {core.most_per_cycle} instructions a "
            f"cycle assumed): {per_cycle_ms / core.most_per_cycle:.0f} to {per_cycle_ms / core.least_per_cycle:.0f} ms "
            "a frame of 40 glyphs (estimated, not measured)"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", nargs="?", choices=("x86_64", "aarch64"), default="x86_64")
    parser.add_argument("--root", type=Path, default=HERE.parent / "build/arm64", help="made by make-arm64-root")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--workload", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.workload:
        workload()
        return
    if options.architecture == "x86_64":
        counts = {"x86_64 avx2": count_x86_64()}
    else:
        counts = {f"aarch64 {core}": count_aarch64(options.root.resolve(), core) for core in CORES}
    written: dict[str, Cost] = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    worse = []
    for machine, cost in counts.items():
        print(f"{machine}: {', '.join(' '.join(item) for item in cost['software'].items())}")
        known = written.get(machine, {"software": {}, "counts": {}})
        if known["software"] != cost["software"]:
            worse.append(f"{machine}: counted with other software or another model before: count again with --write")
        for name, count in cost["counts"].items():
            before = known["counts"].get(name)
            change = f"{count / before - 1:+8.2%}" if before else ""
            print(f"  {name:<12}{count:>14,}{change}")
            if before and count > (1 + TOLERANCE) * before:
                worse.append(f"{machine}, {name}: {count / before - 1:+.2%}")
    print(*estimates(counts), sep="\n")
    if options.write:
        COUNTS.write_text(json.dumps({**written, **counts}, indent=1) + "\n")
    if options.check and worse:
        raise SystemExit(f"not what {COUNTS.name} says: {'; '.join(worse)}")


if __name__ == "__main__":
    main()
