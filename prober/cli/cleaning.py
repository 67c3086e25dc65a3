"""`prober clean`: the journals of runs that are over, and what crashed runs have left in a cluster."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from prober.cli.output import complain, say
from prober.cli.places import Kept, is_alive, kept, state_directory
from prober.errors import ClusterError, ProberError, UsageError

if TYPE_CHECKING:
    from prober.cluster.kube.leftovers import LeftRun


def clean(args: Namespace) -> int:
    """Remove what runs have left, or say what would be removed."""
    return _cluster(args) if args.cluster == "kube" else _journals(args)


def _journals(args: Namespace) -> int:
    """Remove the journals of runs that are over: the lab itself leaves nothing, it ends with its run."""
    try:
        place = state_directory()
    except RuntimeError:
        raise UsageError("there is no home directory, so no journals are kept; set XDG_STATE_HOME") from None
    known = kept(place)
    dead = [k for k in known if not is_alive(k.path)]
    if args.run:
        dead = _of_run(args.run, known, place)
    word = "would remove" if args.dry_run else "removed"
    what = f"{word} {len(dead)} of {len(known)} in {place}"
    say(f"lab: it leaves nothing but journals, the past runs that `prober report` reads; {what}\n")
    for old in dead:
        if not args.dry_run:
            try:
                old.path.unlink(missing_ok=True)
            except OSError as error:
                raise ProberError(f"{old.path}: {error.strerror}; check its permissions") from None
        say(f"  {word} {old.path}\n")
    return 0


def _of_run(run: str, known: Sequence[Kept], place: Path) -> list[Kept]:
    found = [k for k in known if k.is_of(run)]
    if not found:
        ids = ", ".join(k.run for k in known[-5:]) or "none at all"
        raise UsageError(f"--run {run}: no such run has left anything in {place}; the latest are {ids}")
    if is_alive(found[0].path):
        raise UsageError(f"--run {run}: it still lives; end it first")
    return found


def _cluster(args: Namespace) -> int:
    """Remove what dead runs have left in a cluster, each object by its label and UID; the journals stay."""
    from prober.cli.backend import connected
    from prober.cluster.kube.closing import await_removed

    with connected(args) as (kubernetes, _):
        found = tuple(map(_as_known_here, kubernetes.leftovers(args.run or "")))
        if args.run and not found:
            others = ", ".join(left.run for left in kubernetes.leftovers("")) or "none at all"
            raise UsageError(
                f"--run {args.run}: no such run has left anything on {kubernetes.name}; there are {others}"
            )
        if args.run and found[0].alive:
            raise UsageError(f"--run {args.run}: it still lives, or ended less than a minute ago; try again then")
        dead = [left for left in found if not left.alive]
        word = "would remove" if args.dry_run else "removed"
        say(f"{kubernetes.name}: {word} what {len(dead)} of {len(found)} runs have left\n")
        failed = False
        for left in dead:
            try:
                if not args.dry_run:
                    kubernetes.clean(left)
                    names = [str(o).partition(" ")[2] for o in left.objects if o.kind == "namespace"]
                    await_removed(kubernetes.connection, left.run, names)
            except ClusterError as error:
                failed = True
                complain(f"prober: run {left.run}: {error}")
                continue
            say(f"  {word} run {left.run} of {left.started or 'no known time'}: {', '.join(map(str, left.objects))}\n")
        say("".join(f"  left run {left.run}: it still lives\n" for left in found if left.alive))
    return ClusterError.exit_code if failed else 0


def _as_known_here(left: LeftRun) -> LeftRun:
    """Return a run as its journal on this machine tells: its lock knows at once who lives, and who was killed."""
    try:
        journals = [k for k in kept(state_directory()) if k.is_of(left.run)]
    except RuntimeError:
        return left
    return replace(left, alive=any(is_alive(k.path) for k in journals)) if journals else left
