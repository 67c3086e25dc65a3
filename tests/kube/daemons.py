"""What every daemon of the cluster is told: its command line and its configuration; nothing here starts one."""

from __future__ import annotations

import json
from pathlib import Path

from tests.kube import addresses
from tests.kube.images import PAUSE
from tests.kube.needs import CNI, program
from tests.kube.pki import Pki

ETCD, API_SERVER = "etcd", "kube-apiserver"
CONTROLLERS, SCHEDULER = "kube-controller-manager", "kube-scheduler"
KUBELET, PROXY, CONTAINERD, AGENT = "kubelet", "kube-proxy", "containerd", "agent"

_ETCD_URL = "http://127.0.0.1:2379"
_ISSUER = "https://kubernetes.default.svc"
# What waits for the API server's default of 20 requests a second is the test, not the cluster
_FAST = ("--kube-api-qps=200", "--kube-api-burst=400")

Command = tuple[str, ...]


# Where a node keeps its files: the same on every node, as only its own mount namespace sees them
HOME = Path("/run/node")
PLUGINS = HOME / "bin"  # of CNI
CONTAINERD_SOCKET = str(HOME / "containerd.sock")
KUBECONFIG = str(HOME / "kubeconfig")


def etcd(folder: Path) -> Command:
    urls = ("--listen-client-urls", _ETCD_URL, "--advertise-client-urls", _ETCD_URL)
    peers = ("--listen-peer-urls", "http://127.0.0.1:2380")
    return (program("etcd"), "--data-dir", str(folder), *urls, *peers)


def api_server(binaries: Path, pki: Pki) -> Command:
    return (
        str(binaries / API_SERVER),
        f"--etcd-servers={_ETCD_URL}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={addresses.node(1).ipv4}",
        f"--secure-port={addresses.API_PORT}",
        f"--tls-cert-file={pki.file('api.crt')}",
        f"--tls-private-key-file={pki.file('api.key')}",
        f"--token-auth-file={pki.file('tokens.csv')}",
        "--authorization-mode=Node,RBAC",
        f"--service-cluster-ip-range={','.join(addresses.SERVICES)}",
        f"--service-account-issuer={_ISSUER}",
        f"--service-account-key-file={pki.file('sa.pub')}",
        f"--service-account-signing-key-file={pki.file('sa.key')}",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
    )


def controllers(binaries: Path, pki: Pki, kubeconfig: str) -> Command:
    return (
        str(binaries / CONTROLLERS),
        f"--kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={pki.file('sa.key')}",
        f"--root-ca-file={pki.file('ca.crt')}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        *_FAST,
    )


def scheduler(binaries: Path, kubeconfig: str) -> Command:
    return (str(binaries / SCHEDULER), f"--kubeconfig={kubeconfig}", "--leader-elect=false", *_FAST)


def proxy(binaries: Path, number: int) -> Command:
    # conntrack's limits cannot be set in a child network namespace, and belong to the host
    limits = ("max-per-core", "min", "tcp-timeout-established", "tcp-timeout-close-wait")
    return (
        str(binaries / PROXY),
        f"--kubeconfig={KUBECONFIG}",
        "--proxy-mode=iptables",
        *(f"--conntrack-{limit}=0" for limit in limits),
        f"--cluster-cidr={','.join(addresses.PODS)}",
        f"--hostname-override={addresses.node_name(number)}",
        "--healthz-bind-address=127.0.0.1:10256",
        "--metrics-bind-address=127.0.0.1:10249",
        "--iptables-min-sync-period=100ms",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    )


def kubelet(binaries: Path, number: int) -> Command:
    return (
        str(binaries / KUBELET),
        f"--config={HOME / 'kubelet.json'}",
        f"--kubeconfig={KUBECONFIG}",
        f"--root-dir={HOME / 'kubelet'}",
        f"--cert-dir={HOME / 'pki'}",
        f"--hostname-override={addresses.node_name(number)}",
        f"--node-ip={','.join(addresses.node(number))}",
    )


def kubelet_settings(number: int, cgroup: str) -> str:
    """Return the kubelet's configuration file."""
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            # only the API server, which is in the same closed network, can ask
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "clusterDNS": [addresses.DNS.ipv4],
            "clusterDomain": "cluster.local",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}/{addresses.node_name(number)}",
            "cgroupsPerQOS": True,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "protectKernelDefaults": True,  # inside.py shows it the values that it wants: the host keeps its own
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "volumePluginDir": str(HOME / "plugins"),
            "podLogsDir": str(HOME / "podlogs"),
            "resolvConf": "/dev/null",
            "maxPods": 250,
            # it asks for the node while that is written, and now and then a kubelet of 1.34.4 dies of it at its start
            "featureGates": {"DynamicResourceAllocation": False},
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
            "kubeAPIQPS": 200,
            "kubeAPIBurst": 400,
            "syncFrequency": "10s",
            "nodeStatusUpdateFrequency": "2s",
        }
    )


def containerd() -> Command:
    return (program("containerd"), "-c", str(HOME / "containerd.toml"))


def container_process(container: str) -> str:
    """Return the file in which the number of a container's first process stands."""
    return f"{HOME}/state/io.containerd.runtime.v2.task/k8s.io/{container}/init.pid"


def containerd_settings() -> str:
    """Return containerd's configuration file."""
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{HOME}/containerd"
state = "{HOME}/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{CONTAINERD_SOCKET}"
[ttrpc]
  address = "{CONTAINERD_SOCKET}.ttrpc"
{cri}]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true  # lowering it may be forbidden, and runc then dies of it
{cri}.cni]
  bin_dir = "{PLUGINS}"
  conf_dir = "{HOME}/cni"
{cri}.containerd]
  default_runtime_name = "runc"
{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""


def cni_settings(number: int, *, routed: bool) -> str:
    """Return how pods are plugged in: over a bridge, or routed one by one, so that all they send is forwarded."""
    plugin = {"type": "ptp"} if routed else {"type": "bridge", "bridge": "cni0", "isDefaultGateway": True}
    given = {
        "type": "host-local",
        "ranges": [[{"subnet": block}] for block in addresses.pods(number)],
        "dataDir": str(HOME / "addresses"),
    }
    # ptp gives a default route only where it is asked for one; bridge brings its own
    more = {"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]} if routed else {}
    hairpin = {} if routed else {"hairpinMode": True}
    plugins = [{**plugin, **hairpin, "ipam": {**given, **more}}]
    return json.dumps({"name": "pods", "cniVersion": "0.4.0", "plugins": plugins})


def cni_plugin() -> str:
    """Return a program that stands for the CNI plugin of its own name, which it runs.

    A pod's network looks for duplicates of an IPv6 address for up to two seconds, and the plugin waits for that: it is
    told not to while there is no link in it yet. Nothing that a plugin can be configured with comes that early.
    """
    return f"""\
#!/bin/sh
if [ "$CNI_COMMAND" = ADD ]; then
    {program("nsenter")} --net="$CNI_NETNS" \\
        /bin/sh -c 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad' < /dev/null || exit
fi
exec "{CNI}/${{0##*/}}"
"""
