"""Half precision is for processors that multiply in it: on others it takes ten times as long as float32."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("keras", reason="training needs the extra `export`")

from edge_hwr.export.arithmetic import multiplies_halves


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("flags\t\t: fma avx2 avx512f avx512_bf16 amx_bf16\n", True),
        ("Features\t: fp asimd sve i8mm bf16\n", True),
        ("flags\t\t: fma avx avx2 vaes\n", False),
        ("Features\t: fp asimd evtstrm crc32 cpuid\n", False),
    ],
)
def test_linux_tells_whether_a_processor_multiplies_halves(told: str, expected: bool, tmp_path: Path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\n" + told, "ascii")
    assert multiplies_halves(cpuinfo) is expected


def test_where_nobody_tells_arithmetic_is_whole(tmp_path: Path):
    assert not multiplies_halves(tmp_path / "no-such-file")
