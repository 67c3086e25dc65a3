"""What every daemon of the cluster is told: its command line and its configuration; nothing here starts one."""

from __future__ import annotations

import json
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a node keeps its files, on a tmpfs that only its own mount namespace sees."""

    number: int
    cgroup: str
    folder: Path = Path("/run/node")

    @property
    def name(self) -> str:
        return addresses.node_name(self.number)

    @property
    def socket(self) -> str:
        """Containerd's."""
        return str(self.folder / "containerd.sock")

    @property
    def kubeconfig(self) -> str:
        return str(self.folder / "kubeconfig")


def etcd(folder: Path) -> Command:
    urls = ("--listen-client-urls", _ETCD_URL, "--advertise-client-urls", _ETCD_URL)
    peers = ("--listen-peer-urls", "http://127.0.0.1:2380")
    return (program("etcd"), "--data-dir", str(folder), *urls, *peers)


def api_server(binaries: Path, pki: Pki) -> Command:
    return (
        str(binaries / API_SERVER),
        f"--etcd-servers={_ETCD_URL}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={addresses.node(1)}",
        f"--secure-port={addresses.API_PORT}",
        f"--tls-cert-file={pki.file('api.crt')}",
        f"--tls-private-key-file={pki.file('api.key')}",
        f"--token-auth-file={pki.file('tokens.csv')}",
        "--authorization-mode=Node,RBAC",
        f"--service-cluster-ip-range={addresses.SERVICES}",
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


def proxy(binaries: Path, home: Home) -> Command:
    # conntrack's limits cannot be set in a child network namespace, and belong to the host
    limits = ("max-per-core", "min", "tcp-timeout-established", "tcp-timeout-close-wait")
    return (
        str(binaries / PROXY),
        f"--kubeconfig={home.kubeconfig}",
        "--proxy-mode=iptables",
        *(f"--conntrack-{limit}=0" for limit in limits),
        f"--cluster-cidr={addresses.PODS}",
        f"--hostname-override={home.name}",
        "--healthz-bind-address=127.0.0.1:10256",
        "--metrics-bind-address=127.0.0.1:10249",
        "--iptables-min-sync-period=100ms",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    )


def kubelet(binaries: Path, home: Home) -> Command:
    return (
        str(binaries / KUBELET),
        f"--config={home.folder / 'kubelet.json'}",
        f"--kubeconfig={home.kubeconfig}",
        f"--root-dir={home.folder / 'kubelet'}",
        f"--cert-dir={home.folder / 'pki'}",
        f"--hostname-override={home.name}",
        f"--node-ip={addresses.node(home.number)}",
    )


def kubelet_settings(home: Home) -> str:
    """Return the kubelet's configuration file."""
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            # only the API server, which is in the same closed network, can ask
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "clusterDNS": [addresses.DNS],
            "clusterDomain": "cluster.local",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{home.cgroup}/{home.name}",
            "cgroupsPerQOS": True,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "protectKernelDefaults": True,  # inside.py shows it the values that it wants: the host keeps its own
            "containerRuntimeEndpoint": f"unix://{home.socket}",
            "volumePluginDir": str(home.folder / "plugins"),
            "podLogsDir": str(home.folder / "podlogs"),
            "resolvConf": "/dev/null",
            "maxPods": 250,
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
            "kubeAPIQPS": 200,
            "kubeAPIBurst": 400,
            "syncFrequency": "10s",
            "nodeStatusUpdateFrequency": "2s",
        }
    )


def containerd(home: Home) -> Command:
    return (program("containerd"), "-c", str(home.folder / "containerd.toml"))


def containerd_settings(home: Home) -> str:
    """Return containerd's configuration file."""
    cri = '[plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{home.folder}/containerd"
state = "{home.folder}/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "{home.socket}"
[ttrpc]
  address = "{home.socket}.ttrpc"
{cri}]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true  # lowering it may be forbidden, and runc then dies of it
{cri}.cni]
  bin_dir = "{CNI}"
  conf_dir = "{home.folder}/cni"
{cri}.containerd]
  default_runtime_name = "runc"
{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""


def cni_settings(home: Home, *, routed: bool) -> str:
    """Return how pods are plugged in: over a bridge, or routed one by one, so that all they send is forwarded."""
    plugin = {"type": "ptp"} if routed else {"type": "bridge", "bridge": "cni0", "isDefaultGateway": True}
    given = {
        "type": "host-local",
        "ranges": [[{"subnet": addresses.pods(home.number)}]],
        "dataDir": str(home.folder / "addresses"),
    }
    # ptp gives a default route only where it is asked for one; bridge brings its own
    more = {"routes": [{"dst": "0.0.0.0/0"}]} if routed else {}
    hairpin = {} if routed else {"hairpinMode": True}
    plugins = [{**plugin, **hairpin, "ipam": {**given, **more}}]
    return json.dumps({"name": "pods", "cniVersion": "0.4.0", "plugins": plugins})
