"""From the model to the Kubernetes objects that a run creates; nothing is sent here (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prober import manifest
from prober.cluster.kube.target import KubeTarget
from prober.model import Namespace, NetworkPolicy, Pod, Port, Protocol, Service

Object = dict[str, Any]

RUN_LABEL = "prober/run"  # on everything that a run creates; what lacks it is never deleted
TOPOLOGY_LABEL = "prober/topology"  # one open topology of the run
POD_ANNOTATION = "prober/pod"  # the scenario's name of a pod
STARTED_ANNOTATION = "prober/started"  # when the run began, for `prober clean --expired`
CONTAINER = "probe"
USER = 65532  # any but root; the image's own user is root, which "restricted" forbids
LOWEST_FREE_PORT = "net.ipv4.ip_unprivileged_port_start"  # a sysctl that "restricted" allows
PROBE_VARIABLE = "PROBER_PROBE"
PROBE_COMMAND = ("/bin/sh", "-c", f'eval "${PROBE_VARIABLE}"')

# One process for each port number, both protocols: agnhost says the host's name to whoever connects, closes, and
# answers every datagram with it. Should one end, the pod ends: a pod that half listens proves nothing.
_LISTEN = """PATH=$PATH:/
trap 'exit 1' TERM
for flags in "$@"; do
    { agnhost serve-hostname --http=false $flags; kill $$; } &
done
sleep 2147483647 &
wait
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What marks an object as this run's."""

    run: str
    topology: str
    started: str  # ISO 8601

    @property
    def labels(self) -> dict[str, str]:
        return {RUN_LABEL: self.run, TOPOLOGY_LABEL: self.topology}

    @property
    def selector(self) -> str:
        return f"{TOPOLOGY_LABEL}={self.topology},{RUN_LABEL}={self.run}"

    def metadata(self, name: str, namespace: str = "", labels: Mapping[str, str] | None = None) -> Object:
        """Return an object's metadata; its own labels cannot take the marks away."""
        found: Object = {
            "name": name,
            "labels": {**(labels or {}), **self.labels},
            "annotations": {STARTED_ANNOTATION: self.started},
        }
        return found | ({"namespace": namespace} if namespace else {})


def namespace(one: Namespace, real: str, marks: Marks, target: KubeTarget, *, privileged: bool) -> Object:
    """Return a scenario's namespace: Pod Security as strict as its pods allow."""
    level = "privileged" if privileged else "restricted"
    labels = {k: v for k, v in one.labels.items() if k != "kubernetes.io/metadata.name"}
    security = {"pod-security.kubernetes.io/enforce": level}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": marks.metadata(real, labels={**security, **target.namespace_labels, **labels}),
    }


def job(
    pod: Pod,
    stem: str,
    real: str,
    node: str,
    script: str,
    marks: Marks,
    target: KubeTarget,
    *,
    away: Sequence[str] = (),
) -> Object:
    """Return the controller of one pod: a Job, for it alone ends by itself when prober cannot end it.

    The pod is put on `node`; where that is "", on any but those of `away`.

    A ReplicaSet's pods may have no deadline, and would be replaced after it. A Job's are not: a replaced pod would have
    another address, of which nobody knows. The owner matters to the AWS VPC CNI, which ignores bare pods.
    """
    metadata = {
        "labels": {**pod.labels, **marks.labels},
        "annotations": {POD_ANNOTATION: str(pod.ref), STARTED_ANNOTATION: marks.started},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": marks.metadata(stem, real),
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 0,
            "activeDeadlineSeconds": target.lifetime,
            "ttlSecondsAfterFinished": 600,
            "template": {"metadata": metadata, "spec": _pod_spec(pod, stem, _place(node, away), script, target)},
        },
    }


def _pod_spec(pod: Pod, stem: str, place: Object, script: str, target: KubeTarget) -> Object:
    low = any(p.number < 1024 for p in pod.ports)
    security: Object = {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER}
    if low and pod.host_network:  # the node's sysctls are not ours; the capability needs root
        security = {"runAsUser": 0}
    elif low:
        security["sysctls"] = [{"name": LOWEST_FREE_PORT, "value": "0"}]
    spec: Object = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": target.lifetime,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostname": stem,
        "affinity": place,
        "securityContext": {**security, "seccompProfile": {"type": "RuntimeDefault"}},
        "dnsPolicy": "ClusterFirstWithHostNet" if pod.host_network else "ClusterFirst",
        # the resolver's patience belongs into the probe's: one try, one second (proof rule 4)
        "dnsConfig": {"options": [{"name": "timeout", "value": "1"}, {"name": "attempts", "value": "1"}]},
        "containers": [_container(pod, script, target, low=low)],
    }
    if pod.host_network:
        spec["hostNetwork"] = True
    if target.tolerations:
        spec["tolerations"] = [dict(t) for t in target.tolerations]
    if target.node_selector:
        spec["nodeSelector"] = dict(target.node_selector)
    if target.pull_secret:
        spec["imagePullSecrets"] = [{"name": target.pull_secret}]
    if target.priority_class:
        spec["priorityClassName"] = target.priority_class
    return spec


def _place(node: str, away: Sequence[str]) -> Object:
    """Return the affinity to one node: unlike nodeName it leaves the scheduler its say, so a full node is told."""
    if not (node or away):
        return {}
    operator, values = ("In", [node]) if node else ("NotIn", list(away))
    field = {"key": "metadata.name", "operator": operator, "values": values}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def _container(pod: Pod, script: str, target: KubeTarget, *, low: bool) -> Object:
    capabilities: Object = {"drop": ["ALL"]}
    if low and pod.host_network:
        capabilities["add"] = ["NET_BIND_SERVICE"]
    found: Object = {
        "name": CONTAINER,
        "image": target.image,
        "imagePullPolicy": target.pull_policy,
        "command": ["/bin/sh", "-c", unexpanded(_LISTEN), "listen", *_flags(pod.ports)],
        "env": [{"name": PROBE_VARIABLE, "value": unexpanded(script)}],
        "resources": {"requests": {"cpu": "5m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": capabilities,
        },
    }
    if pod.ports:
        found["ports"] = [_container_port(p) for p in pod.ports]
    return found


def unexpanded(text: str) -> str:
    """Return text that comes out of the kubelet's expansion of $(VARIABLE) as it was."""
    return text.replace("$", "$$")


def _flags(ports: tuple[Port, ...]) -> list[str]:
    numbers: dict[int, list[str]] = {}
    for port in ports:
        if port.protocol is not Protocol.SCTP:
            numbers.setdefault(port.number, []).append(f"--{port.protocol.lower()}")
    return [f"{' '.join(flags)} --port={number}" for number, flags in numbers.items()]


def _container_port(port: Port) -> Object:
    found: Object = {"containerPort": port.number, "protocol": str(port.protocol)}
    return found | ({"name": port.name} if port.name else {})


def service(one: Service, real: str, marks: Marks) -> Object:
    """Return a scenario's Service, in as many families as the cluster has."""
    spec: Object = {
        "selector": {**one.selector, **marks.labels},
        "ipFamilyPolicy": "PreferDualStack",
        "ports": [
            {
                "name": p.name or f"p{p.port}-{p.protocol.lower()}",
                "port": p.port,
                "targetPort": p.target,
                "protocol": str(p.protocol),
            }
            for p in one.ports
        ],
    }
    if one.headless:
        spec["clusterIP"] = "None"
    return {"apiVersion": "v1", "kind": "Service", "metadata": marks.metadata(one.name, real), "spec": spec}


def policy(one: NetworkPolicy, marks: Marks) -> Object:
    """Return a policy (its namespaces are the cluster's already)."""
    found = manifest.dump(one)
    return {**found, "metadata": marks.metadata(one.name, one.namespace)}
