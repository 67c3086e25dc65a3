"""What a person needs to understand a failure on a cluster: nodes, pods, warnings, policies as stored, lost execs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prober.cluster.kube import hindrance
from prober.cluster.kube.ground import Ground
from prober.cluster.kube.reading import pod_addresses, started
from prober.cluster.kube.waiting import events_in, items
from prober.errors import ClusterError

Object = Mapping[str, Any]


def collected(ground: Ground, lost: Sequence[str]) -> str:
    """Return it all, each part as far as it can be had."""
    parts: list[tuple[str, Callable[[Ground], Iterator[str]]]] = [
        ("nodes", _nodes),
        ("pods", _pods),
        ("warnings", lambda g: iter(hindrance.listed(events_in(g.connection, g.namespaces)))),
        ("policies as stored", _policies),
        ("execs that lost lines", lambda _: iter(lost)),
    ]
    text = []
    for title, part in parts:
        try:
            lines = list(part(ground)) or ["none"]
        except ClusterError as error:
            lines = [f"not to be had: {error}"]
        text += [f"# {title}", *lines]
    return ground.naming.restored("\n".join(text))


def _nodes(ground: Ground) -> Iterator[str]:
    for node in items(ground.connection, "/api/v1/nodes"):
        name = str(node["metadata"]["name"])
        number = ground.nodes.number(name)
        conditions = node.get("status", {}).get("conditions") or ()
        odd = [c for c in conditions if (c["status"] == "True") != (c["type"] == "Ready")]
        states = ", ".join(f"{c['type']}={c['status']}: {c.get('message', '')}" for c in odd) or "healthy"
        aside = f" (left out: {ground.nodes.left_out[name]})" if name in ground.nodes.left_out else ""
        yield f"node/{number} {name}: {states}{aside}"


def _pods(ground: Ground) -> Iterator[str]:
    query = (("labelSelector", ground.marks.selector),)
    for pod in (p for path in ground.pod_lists for p in items(ground.connection, path, query)):
        meta, status = pod["metadata"], pod.get("status", {})
        addresses = " ".join(pod_addresses(pod).values())
        yield (
            f"{meta['namespace']}/{meta['name']} uid={meta['uid']} node={pod['spec'].get('nodeName')} "
            f"{status.get('phase')} {addresses} started={started(pod) or 'not running'} labels={meta.get('labels')}"
        )


def _policies(ground: Ground) -> Iterator[str]:
    for namespace in ground.namespaces:
        path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
        for policy in items(ground.connection, path):
            mine = "" if ground.is_ours(policy) else " (not this run's)"
            yield f"{namespace}/{policy['metadata']['name']}{mine}: {json.dumps(policy['spec'])}"
