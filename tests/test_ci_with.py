"""`.ci/with` where it may install nothing: it says what to run, and runs nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

WITH = Path(__file__).parent.parent / ".ci" / "with"


def test_without_root_and_sudo_the_command_is_printed(tmp_path: Path) -> None:
    """Somebody else must install: the line to run as root is there to be copied, and nothing was tried."""
    for name, does in {"id": "echo 1000", "apt-get": "touch tried"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "")
    done = subprocess.run(
        ["/bin/sh", str(WITH), "touch", "ran"],
        cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("    ")]

    assert 2 == done.returncode
    assert line.startswith("    apt-get update && apt-get install --yes --no-install-recommends ")
    assert " netcat-openbsd bind9-dnsutils" in line
    assert {"id", "apt-get", "dirname"} == {p.name for p in tmp_path.iterdir()}
