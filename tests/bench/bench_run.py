"""How long whole runs take: `python -m tests.bench.bench_run [RUNS]` prints medians; nothing is asserted.

Nine pods with TCP and UDP on two ports each are 324 cells, the matrix that other tools of the field are measured with;
the scenario has a control, one default deny in one of three namespaces, and the restore.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.matrices import matrix_of


def timed(*arguments: str) -> tuple[float, str]:
    """Return the seconds that `prober ARGUMENTS` took, whole process, and its proof line."""
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "prober", *arguments], capture_output=True, text=True, check=False)
    return time.monotonic() - begin, (done.stdout.splitlines() or [""])[min(1, len(done.stdout.splitlines()) - 1)]


def main() -> None:
    """Run each case a few times and print the median."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        cases = {"--help": ("--help",), "scenarios/seeds": ("run", "scenarios/seeds")}
        for pods in (9, 30):
            path = Path(folder) / f"{pods}-pods.scenario.yaml"
            path.write_text(matrix_of(pods), encoding="utf-8")
            cases[f"{pods} pods, {pods * pods * 4} cells"] = ("run", str(path), "--timeout", "1s", "--hold", "1")
        for name, arguments in cases.items():
            found = [timed(*arguments) for _ in range(runs)]
            times = [t for t, _ in found]
            span = f"({min(times):.2f} to {max(times):.2f})"
            print(f"{name}: median {statistics.median(times):.2f} s of {runs} {span}; {found[-1][1]}")


if __name__ == "__main__":
    main()
