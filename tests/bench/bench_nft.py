"""How long compiling and loading a node's rules takes: `python -m tests.bench.bench_nft`, medians of five."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TypeVar

from tabulate import tabulate

from prober.cluster.lab.nft import compile_policies
from prober.cluster.lab.services import compile_services
from tests.cluster.lab.loading import load
from tests.cluster.lab.policies import crowd

_SIZES = ((10, 3), (100, 100), (1000, 100), (1000, 1000))  # pods, policies
_TIMES = 5

_T = TypeVar("_T")


def _timed(work: Callable[[], _T]) -> tuple[float, _T]:
    spent = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        result = work()
        spent.append(time.perf_counter() - began)
    return median(spent) * 1000, result


def main() -> None:
    """Print a line for each size and each kind of rules."""
    nothing, _ = _timed(partial(load, []))  # the namespace and the listing
    rows = []
    for pods, policies in _SIZES:
        state = crowd(pods, policies)
        for what, compiled in (
            ("policies", partial(compile_policies, state, 1, 0)),
            ("services", partial(compile_services, state, 1, 0)),
        ):
            compiling, script = _timed(compiled)
            loading, _ = _timed(partial(load, [script]))
            commands = sum(chunk.count("\n") for chunk in script.fill)
            rows.append((pods, policies, what, commands, len(script.fill) + 1, compiling, loading - nothing))
    columns = ("pods", "policies", "rules for", "commands", "transactions", "compile ms", "load and list ms")
    print(tabulate(rows, columns, floatfmt=".0f"))


if __name__ == "__main__":
    main()
