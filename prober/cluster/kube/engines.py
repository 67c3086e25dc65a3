"""The policy engines of the field: by which DaemonSet each is known, and which of them runs on which node (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prober.evidence import EngineOnNode, Image

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An engine: the DaemonSet that installs it, where that stands, and who says so."""

    name: str
    daemon_set: str
    namespaces: tuple[str, ...]
    source: str


def _known(name: str, daemon_set: str, source: str, *namespaces: str) -> Known:
    where = namespaces or ("kube-system",)
    return Known(name=name, daemon_set=daemon_set, namespaces=where, source=f"https://{source}")


KNOWN = (
    _known("Calico", "calico-node", "github.com/projectcalico/calico/blob/master/manifests/calico.yaml",
           "kube-system", "calico-system"),
    _known("Canal", "canal", "github.com/projectcalico/calico/blob/master/manifests/canal.yaml"),
    _known("Canal", "rke2-canal", "docs.rke2.io/networking/basic_network_options"),
    _known("Cilium", "cilium", "github.com/cilium/cilium/blob/main/install/kubernetes/cilium/templates/cilium-agent/"
           "daemonset.yaml", "kube-system", "cilium"),
    _known("Cilium (GKE Dataplane V2)", "anetd", "cloud.google.com/kubernetes-engine/docs/concepts/dataplane-v2"),
    _known("kube-router", "kube-router",
           "github.com/cloudnativelabs/kube-router/blob/master/daemonset/generic-kuberouter.yaml"),
    _known("Antrea", "antrea-agent", "github.com/antrea-io/antrea/blob/main/build/yamls/antrea.yml"),
    _known("Weave Net", "weave-net",
           "github.com/weaveworks/weave/blob/master/prog/weave-kube/weave-daemonset-k8s-1.11.yaml"),
    _known("AWS VPC CNI", "aws-node",
           "github.com/aws/amazon-vpc-cni-k8s/blob/master/config/master/aws-k8s-cni.yaml"),
    _known("Azure NPM", "azure-npm",
           "github.com/Azure/azure-container-networking/blob/master/npm/azure-npm.yaml"),
    _known("OVN-Kubernetes", "ovnkube-node", "github.com/ovn-kubernetes/ovn-kubernetes",
           "ovn-kubernetes", "openshift-ovn-kubernetes"),
    _known("Kube-OVN", "kube-ovn-cni", "github.com/kubeovn/kube-ovn/blob/master/dist/images/install.sh"),
    _known("kindnet", "kindnet", "github.com/kubernetes-sigs/kind/blob/main/pkg/build/nodeimage/const_cni.go"),
    _known("kube-network-policies", "kube-network-policies",
           "github.com/kubernetes-sigs/kube-network-policies/blob/main/install.yaml"),
    _known("Flannel (enforces nothing)", "kube-flannel-ds",
           "github.com/flannel-io/flannel/blob/master/Documentation/kube-flannel.yml", "kube-flannel", "kube-system"),
)  # fmt: skip

NAMESPACES = tuple(dict.fromkeys(n for k in KNOWN for n in k.namespaces))


def found_in(pods: Iterable[Object]) -> tuple[EngineOnNode, ...]:
    """Return the engines among these pods, in the order of their nodes."""
    found = [
        EngineOnNode(
            node=str(pod.get("spec", {}).get("nodeName", "")),
            engine=known.name,
            pod=f"{pod['metadata']['namespace']}/{pod['metadata']['name']}",
            ready=_ready(pod),
            images=tuple(_images(pod)),
        )
        for pod in pods
        for known in KNOWN
        if pod["metadata"]["namespace"] in known.namespaces and _owner(pod) == known.daemon_set
    ]
    return tuple(sorted(found, key=lambda e: (e.node, e.engine, e.pod)))


def _owner(pod: Object) -> str:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(o["name"]) for o in owners if o.get("kind") == "DaemonSet"), "")


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _images(pod: Object) -> Iterable[Image]:
    for status in pod.get("status", {}).get("containerStatuses") or ():
        digest = str(status.get("imageID") or "")
        yield Image(container=str(status["name"]), image=str(status.get("image") or ""), digest=digest)
