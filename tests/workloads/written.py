"""Manifests in a few lines, on disk, and what prober makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prober.errors import InputError
from prober.workloads import Manifests, Request, read

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
"""


def deployment(name: str, spec: str = "{}", *, namespace: str = "shop", kind: str = "Deployment", top: str = "") -> str:
    """Return a controller on a few lines; its one container is `spec`, further keys of its spec are `top`."""
    return f"""\
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  {top}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{spec}]}}
"""


def service(name: str, ports: str = "[{port: 80}]", more: str = "") -> str:
    """Return a Service that selects by the label `app`."""
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec:
  selector: {{app: {name}}}
  ports: {ports}
  {more}
"""


def made(tmp_path: Path, *texts: str, **request: Any) -> Manifests:
    """Return what prober makes of these documents, and of a policy, in one file."""
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join([*texts, POLICY]), encoding="utf-8")
    return read(Request(workloads=(str(file),), **request))


def mistakes(tmp_path: Path, *texts: str, **request: Any) -> list[str]:
    """Return `LINE: KEY: WHAT` of every mistake that these documents make."""
    with pytest.raises(InputError) as caught:
        made(tmp_path, *texts, **request)
    assert all(m.remedy for m in caught.value.mistakes)
    assert {str(tmp_path / "all.yaml")} == {m.file for m in caught.value.mistakes}
    return [f"{m.line}: {m.key}: {m.what}" for m in caught.value.mistakes]


def pods(manifests: Manifests) -> dict[str, list[str]]:
    """Return each pod's ports, with their names."""
    return {
        str(p.ref): [f"{port}{f' {port.name}' if port.name else ''}" for port in p.ports]
        for p in manifests.scenario.topology.pods
    }
