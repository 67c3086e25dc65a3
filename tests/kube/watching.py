"""One kind of objects as the API server has them now: listed, then watched, and listed again where the watch breaks."""

from __future__ import annotations

import threading
import time

from tests.kube.api import TROUBLE, Api, ApiError, Json

_PAUSE = 0.3


class Store:
    """The objects under one path; `changed` is set whenever they are others."""

    def __init__(self, api: Api, path: str, changed: threading.Event) -> None:
        self._api, self._path, self._changed = api, path, changed
        self._lock = threading.Lock()
        self._things: dict[str, Json] = {}
        self.listed = threading.Event()

    def things(self) -> tuple[Json, ...]:
        with self._lock:
            return tuple(self._things.values())

    def follow(self) -> None:
        """Keep up with the API server for ever; what is known stays while it is away."""
        while True:
            try:
                version = self._list()
                self.listed.set()
                while True:
                    version = self._watch(version)
            except TROUBLE as error:
                print(f"{self._path}: {error}", flush=True)
                self._api.close()
                time.sleep(_PAUSE)

    def _list(self) -> str:
        found = self._api.get(self._path)
        self._put({thing["metadata"]["uid"]: thing for thing in found["items"]})
        version: str = found["metadata"]["resourceVersion"]
        return version

    def _watch(self, version: str) -> str:
        """Take events until the server ends the watch; return the last version seen."""
        for event in self._api.watch(self._path, version):
            thing = event["object"]
            if event["type"] == "ERROR":
                raise ApiError(thing.get("code", 0), thing.get("message", ""))
            version = thing["metadata"]["resourceVersion"]
            match event["type"]:
                case "ADDED" | "MODIFIED":
                    self._put({**self._things, thing["metadata"]["uid"]: thing})
                case "DELETED":
                    self._put({uid: t for uid, t in self._things.items() if uid != thing["metadata"]["uid"]})
        return version

    def _put(self, things: dict[str, Json]) -> None:
        with self._lock:
            self._things = things
        self._changed.set()
