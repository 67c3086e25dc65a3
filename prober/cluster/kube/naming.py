"""The names that a run gives to a scenario's namespaces, and everything that refers to them, there and back (pure)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from prober.model import NAME_LABEL, LabelSelector, NetworkPolicy, PodPeer, Rule

LONGEST = 63
_CLUSTER_DOMAIN = ("svc", "cluster", "local")


def namespaces_for(names: Iterable[str], token: str) -> dict[str, str]:
    """Return a name of its own in the cluster for each namespace of a scenario."""
    return {name: _fitting(f"pr-{token}-", name, LONGEST) for name in names}


def stem_for(number: int, name: str, token: str) -> str:
    """Return the name of a pod's controller, and the pod's hostname: no other pod's, in this run or another.

    The AWS VPC CNI takes a pod's name without its last part for its identity, and loses the dash before that part where
    a controller's name is long (aws-network-policy-agent#671): at most 40 characters.
    """
    return _fitting(f"p{number}-{token}-", name, 40)


def _fitting(prefix: str, name: str, longest: int) -> str:
    if len(prefix) + len(name) <= longest:
        return prefix + name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{prefix}{name[: longest - len(prefix) - 7].rstrip('-')}-{digest}"


@dataclass(frozen=True, slots=True)
class Naming:
    """The scenario's namespaces and the cluster's; names that the scenario does not declare stay what they are."""

    real: Mapping[str, str]  # the scenario's name -> the cluster's

    def policy(self, policy: NetworkPolicy) -> NetworkPolicy:
        """Return the policy as the cluster must have it."""
        return _moved(policy, self.real)

    def original(self, policy: NetworkPolicy) -> NetworkPolicy:
        """Return a policy of the cluster as the scenario knows it."""
        return _moved(policy, {real: name for name, real in self.real.items()})

    def host(self, host: str) -> str:
        """Return the name under which the cluster knows a Service of another namespace; addresses stay."""
        labels = host.split(".")
        if len(labels) < 2 or labels[1] not in self.real or not _is_domain(labels[2:]):
            return host
        return ".".join((labels[0], self.real[labels[1]], *labels[2:]))

    def request(self, line: str) -> str:
        """Return a line of a probe request with the host that the cluster knows (probe.py has the form)."""
        fields = line.split(" ")
        if len(fields) == 8:
            fields[5] = self.host(fields[5])
        return " ".join(fields)

    def command(self, command: str) -> str:
        """Return a shell command with the hosts that the cluster knows."""
        return " ".join(self.host(word) for word in command.split(" "))

    def restored(self, text: str) -> str:
        """Return any text of the cluster with the scenario's names in it."""
        if not self.real:
            return text
        names = {real: name for name, real in self.real.items()}
        either = "|".join(re.escape(real) for real in sorted(names, key=len, reverse=True))
        return re.sub(rf"(?<![-a-z0-9])(?:{either})(?![-a-z0-9])", lambda found: names[found[0]], text)


def _is_domain(labels: list[str]) -> bool:
    """Say whether this can stand behind SERVICE.NAMESPACE: nothing, `svc`, or the whole of it."""
    rest = tuple(label for label in labels if label)
    return rest in ((), _CLUSTER_DOMAIN[:1], _CLUSTER_DOMAIN)


def _moved(policy: NetworkPolicy, names: Mapping[str, str]) -> NetworkPolicy:
    def rule(one: Rule) -> Rule:
        return replace(one, peers=tuple(peer(p) if isinstance(p, PodPeer) else p for p in one.peers))

    def peer(one: PodPeer) -> PodPeer:
        return one if one.namespaces is None else replace(one, namespaces=_selector(one.namespaces, names))

    return replace(
        policy,
        namespace=names.get(policy.namespace, policy.namespace),
        ingress=tuple(map(rule, policy.ingress)),
        egress=tuple(map(rule, policy.egress)),
    )


def _selector(selector: LabelSelector, names: Mapping[str, str]) -> LabelSelector:
    """Rename in a selector of namespaces: only the label that carries the name, whatever the operator."""
    return LabelSelector(
        match_labels={k: names.get(v, v) if k == NAME_LABEL else v for k, v in selector.match_labels.items()},
        expressions=tuple(
            replace(e, values=tuple(names.get(v, v) for v in e.values)) if e.key == NAME_LABEL else e
            for e in selector.expressions
        ),
    )
