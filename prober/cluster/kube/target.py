"""What a user says about a cluster: where it is, what its pods need, what prober may do there; nothing is read here."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from prober.model import Addresses, Port

# Alpine 3.21 with OpenBSD nc, dig and agnhost; by digest, so that no registry can put other tools into its place
_DIGEST = "sha256:352a050380078cb2a1c246357a0dfa2fcf243ee416b92ff28b44a01d1b4b0294"
DEFAULT_IMAGE = f"registry.k8s.io/e2e-test-images/agnhost:2.56@{_DIGEST}"


def new_run_id() -> str:
    """Return an id for a run: short, for it stands in the name of every namespace."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(6))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideHost:
    """Where an external host of the scenarios really is: `--external partner=192.0.2.7:443`."""

    addresses: Addresses
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeTarget:
    """Everything that decides how prober uses a cluster; empty means that the cluster decides."""

    context: str = ""
    kubeconfig: str = ""
    image: str = DEFAULT_IMAGE
    pull_policy: str = "IfNotPresent"
    pull_secret: str = ""  # the name of a Secret; one of that name must be in every namespace used
    namespaces: tuple[str, ...] = ()  # made before by somebody else; none: the run makes its own
    namespace_labels: Mapping[str, str] = field(default_factory=dict)  # on the namespaces that the run makes
    externals: Mapping[str, OutsideHost] = field(default_factory=dict)  # by the scenarios' name
    allow_host_network: bool = False
    allow_label_overlap: bool = False
    tolerations: tuple[Mapping[str, str], ...] = ()  # as a pod's spec writes them
    node_selector: Mapping[str, str] = field(default_factory=dict)
    priority_class: str = ""  # of the pods; "": the one of manifests/priority.yaml, where that was applied
    rate: float = 0.0  # execs a second; 0: as fast as they come
    max_pods: int = 100  # of one topology
    lifetime: int = 3600  # seconds until a pod ends by itself, whatever has become of prober
    ready_within: float = 60.0  # seconds until every pod of a topology runs
    keep: bool = False
    run_id: str = field(default_factory=new_run_id)
