"""Scenarios written in a few lines, for tests."""

from __future__ import annotations

from textwrap import indent

import pytest

from prober.errors import InputError
from prober.scenario import Scenario, loads

PATH = "dir/s.scenario.yaml"
TOPOLOGY = """\
summary: A scenario
namespaces: {a: {}, b: {labels: {team: b}}}
pods:
  a/web: {labels: {app: web}, ports: [80, {port: 5353, protocol: UDP, name: dns}], node: 1}
  a/db: {labels: {app: db}, ports: [{port: 5432, name: sql}], node: 2}
  b/client: {labels: {app: client}}
services:
  a/db: {selector: {app: db}, ports: [{port: 1, targetPort: sql}]}
external: {partner: {ports: [443]}}
"""


def policy(name: str, namespace: str = "a", spec: str = "{podSelector: {}}") -> str:
    """Return a NetworkPolicy on one line."""
    metadata = f"{{name: {name}, namespace: {namespace}}}"
    return f"{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {metadata}, spec: {spec}}}"


def text(*steps: str, topology: str = TOPOLOGY) -> str:
    """Return a scenario's text; each step is given without its name."""
    written = (f"  - name: step {i}\n{indent(step, '    ')}\n" for i, step in enumerate(steps, 1))
    return topology + "steps:\n" + "".join(written)


def scenario(*steps: str, topology: str = TOPOLOGY, **files: str) -> Scenario:
    """Return the scenario of these steps; files stand beside it, `_yaml` for `.yaml`."""
    beside = {f"dir/{name.replace('_', '.')}": content for name, content in files.items()}
    return loads({PATH: text(*steps, topology=topology), **beside}, PATH)


def mistakes(*steps: str, topology: str = TOPOLOGY, **files: str) -> list[str]:
    """Return `key: what` of every mistake that these steps make."""
    with pytest.raises(InputError) as caught:
        scenario(*steps, topology=topology, **files)
    return [f"{m.key}: {m.what}" for m in caught.value.mistakes]
