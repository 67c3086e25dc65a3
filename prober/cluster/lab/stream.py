"""One probe script's life: its request and its lines go through descriptors of its own, past the lab's process."""

from __future__ import annotations

import os
from collections.abc import Iterator

from prober.cluster.lab.link import Link


def stream(link: Link, owner: str, request: str) -> Iterator[str]:
    """Yield the script's lines as they come; however it ends, nothing of it is left, and a dead lab is told."""
    read, write = os.pipe()  # not a socket: lines of probes that end together must not mix
    with open(read, encoding="utf-8", errors="replace", newline="\n") as lines:  # noqa: PTH123  # a descriptor
        try:
            process = _start(link, owner, request, write)
        finally:
            os.close(write)
        try:
            for line in lines:
                yield line.rstrip("\n")
        finally:
            link.ask("finish", process)


def _start(link: Link, owner: str, request: str, output: int) -> int:
    # A file, not a pipe: the script reads it in its own time, and nobody must feed it
    given = os.memfd_create("request")
    try:
        with open(given, "w", encoding="utf-8", closefd=False) as file:
            file.write(request)
        os.lseek(given, 0, os.SEEK_SET)
        process: int = link.ask("stream", owner, descriptors=(given, output))
        return process
    finally:
        os.close(given)
