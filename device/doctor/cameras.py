"""picamera2, the cameras it sees, and the devices behind them."""

from __future__ import annotations

import grp
import os
import platform
import pwd
import shlex
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..devices import barred_devices, camera_devices
from .finding import Finding, failure, fine, warning
from .libraries import match_numpy_1
from .machine import ROOT
from .probing import Ask

SYSTEM_PACKAGES = Path("/usr/lib/python3/dist-packages")
"""Where apt puts Python's packages, picamera2 and libcamera among them."""

INSTALL = "sudo apt install -y python3-picamera2 --no-install-recommends"

_ARM = ("aarch64", "armv7l", "armv8l", "armv6l")


def check_picamera2(ask: Ask, system_packages: Path = SYSTEM_PACKAGES) -> Finding:
    """Whether picamera2 and libcamera load here; if not, why this Python does not see them."""
    name, answer = "picamera2", ask("picamera2")
    if answer.well:
        libcamera = answer.values["libcamera"]
        return fine(name, f"{answer.values['version']} in {answer.values['folder']}, libcamera {libcamera}")
    if answer.another_abi:
        return failure(name, f"does not load: {answer.error}", match_numpy_1())
    if answer.kind != "ModuleNotFoundError":
        return failure(name, f"does not load: {answer.error or answer.kind}", f"{INSTALL} --reinstall")
    installed = (system_packages / "picamera2").is_dir()
    if not installed and platform.machine() not in _ARM:
        return fine(name, "not installed: only a Raspberry Pi's own camera needs it")
    if not installed:
        return warning(name, f"not installed ({answer.error}): no Raspberry Pi camera can be used", INSTALL)
    if version := _other_python(system_packages):
        return warning(
            name,
            f"apt's is for Python {version}, this is {platform.python_version()}: make the environment with apt's",
            f"/usr/bin/python3 -m venv --clear --system-site-packages {shlex.quote(sys.prefix)}   # and install again",
        )
    if sys.prefix != sys.base_prefix and str(system_packages) not in sys.path:
        return warning(
            name,
            "installed by apt, but this virtual environment was made without --system-site-packages",
            f"/usr/bin/python3 -m venv --system-site-packages {shlex.quote(sys.prefix)}",
        )
    return failure(name, f"incomplete: {answer.error}", f"{INSTALL} --reinstall")


def check_cameras(ask: Ask, root: Path = ROOT) -> Finding:
    """The cameras that libcamera knows, with their formats; which of them cannot be opened, and why."""
    name, loaded = "Cameras", ask("picamera2")
    if not loaded.well:
        return fine(name, "cannot be looked for without picamera2; pictures, videos and streams can be read")
    answer = ask("cameras")
    if not answer.well:
        return failure(name, f"libcamera fails: {answer.error or answer.kind}", "rpicam-hello --list-cameras")
    if not answer.values and barred_devices(root):
        return fine(name, "cannot be looked for without permission on their devices")
    if not answer.values:
        return warning(
            name,
            "no camera found",
            "sudo poweroff   # then seat the ribbon cable anew, start, and try: rpicam-hello --list-cameras",
        )
    refused = {number: camera["refusal"] for number, camera in answer.values.items() if "refusal" in camera}
    for number, refusal in refused.items():
        if "busy" not in refusal.lower():
            return failure(name, f"picamera:{number} cannot be opened: {refusal}", "rpicam-hello --list-cameras")
    if refused:
        number = next(iter(refused))
        holders = dict(_holders(root))
        who = ", ".join(f"{program} (process {process})" for process, program in holders.items()) or "another program"
        mend = (
            f"kill {' '.join(holders)}"
            if holders
            else "sudo fuser -v /dev/media* /dev/video*   # and end what it names"
        )
        return warning(name, f"picamera:{number} is busy: used by {who}", mend)
    return fine(name, "; ".join(_describe(number, camera) for number, camera in answer.values.items()))


def check_devices(root: Path = ROOT) -> Finding:
    """The device files of cameras, and whether this user may use them."""
    name = "Devices"
    devices = camera_devices(root)
    if not devices:
        return fine(name, "no /dev/video*, /dev/media*: no camera, or none that this system has a driver for")
    if barred := barred_devices(root):
        return _permission(name, barred[0])
    named = [f"{file.name} ({_label(root, file)})" for file in devices if file.name.startswith("video")]
    return fine(name, ", ".join(named) or f"{len(devices)} device files, all usable, no /dev/video*")


def _permission(name: str, device: Path) -> Finding:
    """Why this user may not use `device`."""
    owner = device.stat()
    try:
        group, user = grp.getgrgid(owner.st_gid), pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return failure(name, f"no permission on {device}", f"sudo chgrp video {device}")
    found = f"no permission on {device}: it is for the group {group.gr_name}, and {user}"
    if user in group.gr_mem:
        return failure(
            name, f"{found} is in it only from the next log-in on", f"newgrp {group.gr_name}   # or log in again"
        )
    return failure(name, f"{found} is not in it", f"sudo usermod -aG {group.gr_name} {user}   # then log in again")


def _other_python(system_packages: Path) -> str:
    """The version of Python that apt's libcamera was built for, if it is another one than this; else ""."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    built = [file.name for file in (system_packages / "libcamera").glob("_libcamera.cpython-*.so")]
    if not built or any(file.endswith(suffix) for file in built):
        return ""
    tag = built[0].split(".")[1].split("-")[1]  # 311
    return f"{tag[0]}.{tag[1:]}"


def _holders(root: Path) -> Iterator[tuple[str, str]]:
    """Number and program of the processes, as far as this user may see, that hold a media device open."""
    for process in sorted((root / "proc").glob("[0-9]*")):
        try:
            held = [os.readlink(file) for file in (process / "fd").iterdir()]
            program = (process / "comm").read_text("utf-8", "replace").strip()
        except OSError:
            continue
        if int(process.name) != os.getpid() and any(file.startswith("/dev/media") for file in held):
            yield process.name, program


def _describe(number: str, camera: dict[str, Any]) -> str:
    size = " x ".join(map(str, camera["largest"] or ()))
    formats = ", ".join(camera["formats"])
    return f"picamera:{number} {camera['model']}, up to {size} ({formats})"


def _label(root: Path, device: Path) -> str:
    try:
        return (root / "sys/class/video4linux" / device.name / "name").read_text("utf-8", "replace").strip()
    except OSError:
        return "no driver"
