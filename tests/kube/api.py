"""The API server by plain HTTPS and JSON, for the cluster's own use; prober has another client."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

Json = Any  # what a JSON document holds
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class ApiError(Exception):
    """The API server answered, and refused."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


# What a request raises while the API server is away or refuses
TROUBLE = (ApiError, OSError, http.client.HTTPException, json.JSONDecodeError)


class Api:
    """One connection at a time to one API server; for one thread."""

    def __init__(self, server: str, authority: str, token: str, *, timeout: float = 10.0) -> None:
        url = urlsplit(server)
        self._address = (url.hostname or "", url.port or 443)
        self._tls = ssl.create_default_context(cadata=authority)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._timeout = timeout
        self._connection: http.client.HTTPSConnection | None = None

    @classmethod
    def of(cls, kubeconfig: Path, *, timeout: float = 10.0) -> Self:
        """Return a client by a kubeconfig of the shape that pki.py writes."""
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        return cls(cluster["server"], authority, user["token"], timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, path: str, query: Mapping[str, str] | None = None, *, accept: str = "") -> Json:
        return self._ask("GET", path, query, headers={"Accept": accept} if accept else {})

    def post(self, path: str, body: Json) -> Json:
        return self._ask("POST", path, body=body)

    def patch(self, path: str, body: Json) -> Json:
        """Merge."""
        return self._ask("PATCH", path, body=body, headers={"Content-Type": "application/merge-patch+json"})

    def delete(self, path: str, body: Json = None) -> Json:
        return self._ask("DELETE", path, body=body)

    def ready(self) -> bool:
        """Say whether the API server is there and calls itself ready."""
        try:
            self._ask("GET", "/readyz")
        except TROUBLE:
            return False
        return True

    def watch(self, path: str, version: str, *, seconds: int = 300) -> Iterator[Json]:
        """Yield the events after a version until the server ends the watch; a silent connection ends it too."""
        query = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        connection = self._connect(seconds + self._timeout)
        try:
            connection.request("GET", f"{path}?{urlencode(query)}", headers=self._headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise ApiError(answer.status, answer.read().decode(errors="replace")[:500])
            while line := answer.readline():
                yield json.loads(line)
        finally:
            connection.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(*self._address, timeout=timeout, context=self._tls)

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        given = {**self._headers, "Content-Type": "application/json", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        if self._connection is None:
            self._connection = self._connect(self._timeout)
        try:
            self._connection.request(method, f"{path}?{urlencode(query)}" if query else path, data, given)
            answer = self._connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.status >= 300:
            raise ApiError(answer.status, text[:1000])
        return json.loads(text) if answer.headers.get_content_type() == "application/json" else text
