"""Puts the virtual camera under picamera2 as soon as a program, any program, imports it.

Python runs this at its start where this folder is in PYTHONPATH. So what is tested is `edge-hwr` as it is installed,
and picamera2 as it comes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_PICAMERA2 = "picamera2.picamera2"


class _Seam(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _PICAMERA2:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_replace(module: ModuleType) -> None:
            execute(module)
            import virtual_camera

            virtual_camera.install(module)

        spec.loader.exec_module = execute_and_replace  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Seam())
