"""Waiting for what the cluster does in its own time, by watch; what will never come is told at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prober.cluster.kube import hindrance
from prober.cluster.kube.connection import AWAY, ApiError, Connection, Query
from prober.cluster.kube.reading import runs, stem_of
from prober.errors import ClusterError

Object = Mapping[str, Any]

_SILENCE = 1.0  # seconds without an event after which the reasons are looked up


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """Pods that one list shows: `stems` says by what name to call the pod of each controller."""

    path: str
    stems: Mapping[str, str]
    namespaces: tuple[str, ...]


def items(connection: Connection, path: str, query: Query = (), *, patience: float = AWAY) -> list[Object]:
    """Return a list's items."""
    found: list[Object] = connection.get(path, query, patience=patience)["items"] or []
    return found


def await_pods(connection: Connection, awaited: Awaited, selector: str, within: float) -> dict[str, Object]:
    """Return the running pod of each controller; ClusterError in the cluster's own words if one will not run."""
    begin = time.monotonic()
    found: dict[str, Object] = {}

    def missing() -> list[str]:
        return [stem for stem in awaited.stems if stem not in found]

    def look(pods: Sequence[Object], events: Sequence[Object] = ()) -> None:
        found.update({stem_of(p): p for p in pods if stem_of(p) in awaited.stems and runs(p)})
        left = missing()
        theirs = [p for p in pods if stem_of(p) in left]
        if left and (why := hindrance.fatal(left, theirs, events, time.monotonic() - begin)):
            raise ClusterError(why)

    def ask(pods: Sequence[Object]) -> None:
        events = events_in(connection, awaited.namespaces)
        look(pods, events)
        if (left := missing()) and time.monotonic() - begin > within:
            names = ", ".join(awaited.stems[s] for s in left[:3]) + (" and others" if len(left) > 3 else "")
            last = hindrance.last_words(left, events)
            raise ClusterError(f"timed out after {within:g} s waiting for {names} to run (last: {last})")

    _follow(connection, awaited.path, selector, look, ask, lambda: not missing())
    return found


def await_gone(connection: Connection, path: str, selector: str, names: Collection[str], within: float) -> list[Object]:
    """Wait until no object of these names is left; return those that are after `within` seconds."""
    begin = time.monotonic()
    left: list[Object] = []

    def look(objects: Sequence[Object]) -> None:
        left[:] = [o for o in objects if o["metadata"]["name"] in names]

    _follow(connection, path, selector, look, look, lambda: not left or time.monotonic() - begin > within)
    return left


def events_in(connection: Connection, namespaces: Sequence[str]) -> list[Object]:
    """Return the events of namespaces, as far as they may be read."""
    found: list[Object] = []
    for namespace in namespaces:
        try:
            found += items(connection, f"/api/v1/namespaces/{namespace}/events")
        except ApiError as error:
            if error.status not in (403, 404):
                raise
    return found


def _follow(
    connection: Connection,
    path: str,
    selector: str,
    on_change: Callable[[Sequence[Object]], None],
    on_silence: Callable[[Sequence[Object]], None],
    done: Callable[[], bool],
) -> None:
    """Show `on_change` what there is after every change, `on_silence` where none comes, until `done`."""
    query = (("labelSelector", selector),)
    while True:
        listing = connection.get(path, query)
        objects: dict[str, Object] = {str(o["metadata"]["uid"]): o for o in listing["items"] or ()}
        version = str(listing["metadata"]["resourceVersion"])
        on_change(tuple(objects.values()))
        while not done():
            try:
                for event in connection.watch(path, query, version, _SILENCE):
                    one = event["object"]
                    version = str(one["metadata"]["resourceVersion"])
                    if event["type"] == "BOOKMARK":
                        continue
                    objects[str(one["metadata"]["uid"])] = one
                    if event["type"] == "DELETED":
                        del objects[str(one["metadata"]["uid"])]
                    on_change(tuple(objects.values()))
                    if done():
                        return
            except ApiError as error:
                if error.status != 410 and not error.passing:
                    raise
                break  # the server forgot where we were, or is away: list again
            on_silence(tuple(objects.values()))
        else:
            return
