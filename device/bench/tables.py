"""The tables of a report, as rows of text: the terminal, Markdown and HTML differ only in how they draw them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..wording import counted
from .compare import Difference
from .report import Report, Series


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; the first `words` columns hold words, the others numbers. `note` explains it in a sentence."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    note: str = field(default="")


STAGES = ("capture", "layout", "preprocess", "invoke", "decode", "total", "latency")


def report_tables(report: Report) -> Iterator[Table]:
    """All tables of a report that it has figures for."""
    yield _machine_table(report)
    yield _model_table(report["models"])
    frames = [one for one in report["series"] if one["kind"] == "frame"]
    for one in frames:
        yield _frame_table(one)
    invokes = [one for one in report["series"] if one["kind"] == "invoke"]
    if invokes:
        yield _sweep_table(invokes)
    yield _board_table(report["board"])
    if report["soak"]:
        yield _soak_table(report["soak"])


def difference_table(differences: Sequence[Difference], title: str) -> Table:
    rows = [
        (
            one.case,
            one.verdict,
            _figure(one.before_ms),
            _figure(one.after_ms),
            f"{one.ratio.value:.3f}",
            f"{one.ratio.low:.3f} to {one.ratio.high:.3f}",
        )
        for one in differences
    ]
    note = "Times are medians in milliseconds; the ratio is after over before, with its 95 % bootstrap interval."
    return Table(title, ("case", "verdict", "before", "after", "ratio", "interval"), rows, words=2, note=note)


def _machine_table(report: Report) -> Table:
    machine = report["machine"]
    runtime = machine["runtime"]
    rows = [
        ("machine", machine["board"] or machine["processor"]),
        ("processor", f"{machine['processor']}, {machine['architecture']}, {machine['cores']} cores"),
        ("memory", f"{machine['memory_mb']} MiB"),
        ("system", machine["system"]),
        ("software", f"edge-hwr {machine['edge_hwr']}, {runtime['name']} {runtime['version']}, "
                     f"OpenCV {machine['opencv']}, NumPy {machine['numpy']}, Python {machine['python']}"),
        ("frames", report["settings"]["frames"]),
        ("measured", report["created"]),
    ]  # fmt: skip
    source = report["source"]
    if source:
        rows.append(
            (
                "source",
                f"{counted(source['frames'], 'frame')} read, {source['dropped']} dropped, {source['fps']:.1f} a second",
            )
        )
    return Table("Machine", ("", ""), rows, words=2)


def _model_table(models: Sequence[dict[str, Any]]) -> Table:
    header = ("model", "precision", "bytes", "import", "load", "first", "peak MiB", "accuracy", "golden changed")
    rows = []
    for model in models:
        cold, accuracy = model["cold"], model["accuracy"]
        golden = accuracy["golden"] if accuracy else None
        rows.append(
            (
                model["name"],
                model["precision"] or "-",
                f"{model['bytes']:,}",
                *(_figure(cold[key]) for key in ("import_ms", "load_ms", "first_ms")),
                _figure(cold["peak_mb"]),
                _accuracy(accuracy) if accuracy else "-",
                f"{golden['decisions_changed']} of {golden['samples']}" if golden else "-",
            )
        )
    datasets = {model["accuracy"]["dataset"] for model in models if model["accuracy"]}
    note = "Import, load and first inference in milliseconds, in a process of its own."
    if datasets:
        note += f" Accuracy on this device over: {', '.join(sorted(datasets))}."
    return Table("Models", header, rows, words=2, note=note)


def _frame_table(one: Series) -> Table:
    stages = [stage for stage in STAGES if stage in one["stages"]]
    keys = ("p50", "p90", "p99", "max", "mean")
    rows = [(stage, *(_figure(one["stages"][stage][key]) for key in keys)) for stage in stages]
    threads = counted(one["threads"], "thread")
    note = (
        f"Milliseconds over {one['stages']['total']['runs']:,} runs after {one['warm_up']['runs']} to warm up: "
        f"{one['per_second']:.1f} frames a second sustained, {one['glyphs']:.4g} glyphs a frame"
    )
    note += f", {one['us_per_glyph']:.1f} us each." if one["us_per_glyph"] else "."
    if one.get("lines") is not None:
        each = f", {_figure(one['ms_per_line'])} ms each" if one["ms_per_line"] else ""
        note += (
            f" {one['lines']:.4g} lines a frame{each}. No bare invoke: lines come one at a time, each as wide as it is."
        )
    if "latency" in one["stages"]:
        note += " Latency is from the exposure of the frame to its text."
    if one["overhead"]:
        extra = one["overhead"]
        note += (
            f" The invoke through edge-hwr takes {extra['ratio']:.3f} times the bare one "
            f"({extra['low']:.3f} to {extra['high']:.3f})."
        )
    return Table(f"{one['model']}, a frame on {threads}", ("stage", *keys), rows, note=note)


def _sweep_table(invokes: Sequence[Series]) -> Table:
    rows = [
        (
            one["model"],
            str(one["threads"]),
            str(one["batch"]),
            *(_figure(one["stages"]["total"][key]) for key in ("p50", "p90", "p99")),
            _figure(one["us_per_glyph"]),
            f"{one['stages']['total']['runs']:,}",
        )
        for one in invokes
    ]
    header = ("model", "threads", "batch", "p50", "p90", "p99", "us a sample", "runs")
    return Table("The bare invoke", header, rows, note="Milliseconds of the runtime alone, on random input.")


def _board_table(board: dict[str, Any]) -> Table:
    before, during, after = board["before"], board["during"], board["after"]
    temperatures = before["temperature_c"], during["temperature_c_max"], after["temperature_c"]
    clocks = before["clock_mhz"], during["clock_mhz_min"], after["clock_mhz"]
    rows = [
        ("temperature, °C", *map(_figure, temperatures)),
        ("clock, MHz", *map(_figure, clocks)),
        ("governor", before["governor"] or "-", "", after["governor"] or "-"),
        ("load", _figure(before["load"]), "", _figure(after["load"])),
        ("flags", *(_flags(flags) for flags in (before["flags"], during["flags"], after["flags"]))),
    ]  # fmt: skip
    note = "During: the highest temperature, the lowest clock, and every flag seen. A dash: the machine does not tell."
    return Table("The board's condition", ("", "before", "during", "after"), rows, note=note)


def _soak_table(curve: dict[str, Any]) -> Table:
    points = curve["points"]
    chosen = points if len(points) <= 10 else [points[round(k * (len(points) - 1) / 9)] for k in range(10)]
    rows = [
        (
            f"{point['t_s']:.0f} s",
            *(_figure(point[key]) for key in ("p50", "p99", "fps", "temperature_c", "clock_mhz")),
            _flags(point["flags"]),
        )
        for point in chosen
    ]
    note = f"The last tenth took {curve['drift']:.3f} times as long as the first."
    header = ("after", "p50", "p99", "frames/s", "°C", "MHz", "flags")
    what = f"{curve['model']}, drawn pages, {counted(curve['threads'], 'thread')}"
    return Table(f"Soak of {curve['minutes']:g} minutes: {what}", header, rows, note=note)


def _figure(value: float | None) -> str:
    """Four significant digits at most; a dash for what is not known."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 1 else f"{value:.4g}"


def _accuracy(accuracy: dict[str, Any]) -> str:
    return f"CER {accuracy['cer']:.2%}" if "cer" in accuracy else f"{accuracy['accuracy']:.2%}"


def _flags(flags: Sequence[str] | None) -> str:
    return "-" if flags is None else ", ".join(flags) or "none"
