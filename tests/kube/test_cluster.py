"""The test cluster itself: it is a Kubernetes, its engines do what they claim, nothing gets out, nothing is left."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pytest

from tests.kube import addresses, objects
from tests.kube.api import Api, Json
from tests.kube.cluster import Cluster
from tests.kube.presence import until

pytestmark = pytest.mark.kube

_PORT = 8080
_DENY_INGRESS = {"podSelector": {"matchLabels": {"app": "guarded"}}, "policyTypes": ["Ingress"]}


@dataclass(frozen=True, slots=True)
class Stage:
    """A namespace of one test: a source on node 1 and a guarded pod on each node, all of them listening."""

    cluster: Cluster
    api: Api
    namespace: str
    source: Json
    guarded: dict[str, Json]

    def knock(self, address: str) -> str:
        """Return what nc says of one connection from the source."""
        return self.cluster.exec(self.source, "nc", "-zv", "-w", "1", address, str(_PORT))[1].strip()

    def verdicts(self) -> dict[str, str]:
        """Return how the guarded pod of each node looks to the source: `open`, or how the connection fails."""
        return {node: _verdict(self.knock(pod["status"]["podIP"])) for node, pod in self.guarded.items()}

    def guard(self) -> None:
        """Deny all ingress to the guarded pods."""
        objects.create(self.api, objects.policy(self.namespace, "deny", _DENY_INGRESS))

    def release(self) -> None:
        self.api.delete(objects.path(objects.policy(self.namespace, "deny", {})))

    def settles(self, expected: dict[str, str]) -> None:
        """Wait until the guarded pods look like this."""
        until(lambda: self.verdicts() == expected, f"{expected}", 20)


def _verdict(said: str) -> str:
    known = {"succeeded": "open", "timed out": "dropped", "refused": "refused"}
    return next((verdict for words, verdict in known.items() if words in said), said)


def _both(verdict: str) -> dict[str, str]:
    return {"n1": verdict, "n2": verdict}


def _stage(cluster: Cluster) -> Iterator[Stage]:
    name = f"stage-{secrets.token_hex(3)}"
    with cluster.api() as api:
        objects.create(api, objects.namespace(name))
        until(lambda: _has_account(api, name), "the namespace's service account")
        wanted = [("source", "n1"), *((f"guarded-{node}", node) for node in cluster.nodes)]
        for pod, node in wanted:
            objects.create(api, objects.listener(name, pod, node, _PORT, app=pod.partition("-")[0]))
        pods = {pod: _ready(api, objects.listener(name, pod, node, _PORT)) for pod, node in wanted}
        yield Stage(cluster, api, name, pods["source"], {node: pods[f"guarded-{node}"] for node in cluster.nodes})
        api.delete(objects.path(objects.namespace(name)))


def _has_account(api: Api, namespace: str) -> bool:
    return bool(api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts")["items"])


def _ready(api: Api, pod: Json) -> Json:
    until(lambda: objects.ready(api.get(objects.path(pod))), f"pod {pod['metadata']['name']} to be Ready")
    return api.get(objects.path(pod))


@pytest.fixture
def unguarded(kube_none: Cluster) -> Iterator[Stage]:
    """A stage on a cluster that enforces nothing."""
    yield from _stage(kube_none)


@pytest.fixture
def steered(kube_steered: Cluster) -> Iterator[Stage]:
    """A stage on a cluster that the test may change."""
    yield from _stage(kube_steered)


def test_is_kubernetes(kube_none: Cluster) -> None:
    """The API server is of the promised version, and both nodes are Ready."""
    with kube_none.api() as api:
        assert "v1.34.4" == api.get("/version")["gitVersion"]
        nodes = api.get("/api/v1/nodes")["items"]
    assert ["n1", "n2"] == sorted(node["metadata"]["name"] for node in nodes if objects.ready(node))


def test_is_dual_stack(unguarded: Stage) -> None:
    """Nodes and pods have an address of each family, IPv4 first, and a pod is reached by both from the other node."""
    with unguarded.cluster.api() as api:
        for node in api.get("/api/v1/nodes")["items"]:
            found = tuple(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
            assert addresses.node(addresses.node_number(node["metadata"]["name"])) == found
    for node, pod in unguarded.guarded.items():
        blocks = addresses.pods(addresses.node_number(node))
        for entry, block in zip(pod["status"]["podIPs"], blocks, strict=True):
            assert ip_address(entry["ip"]) in ip_network(block)
            assert "open" == _verdict(unguarded.knock(entry["ip"]))


def test_names_resolve_in_pods(unguarded: Stage) -> None:
    """A pod finds a Service by the search path of its namespace, and by its address whatever backend answers."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": unguarded.namespace, "name": "both"},
        "spec": {"selector": {"app": "guarded"}, "ports": [{"port": _PORT}]},
    }
    made = objects.create(unguarded.api, service)
    look_up = ("dig", "+short", "+search", "+tries=1", "+time=1", "both")
    until(
        lambda: unguarded.cluster.exec(unguarded.source, *look_up)[1].strip() == made["spec"]["clusterIP"],
        "the Service's name to resolve",
    )
    until(lambda: "open" == _verdict(unguarded.knock("both")), "the Service to be programmed")
    assert {"open"} == {_verdict(unguarded.knock("both")) for _ in range(6)}


def test_none_enforces_nothing(unguarded: Stage) -> None:
    """On engine none a policy is accepted, and changes nothing."""
    unguarded.guard()
    for _ in range(5):
        assert _both("open") == unguarded.verdicts()


def test_nft_drops_and_releases(steered: Stage) -> None:
    """On engine nft a policy is enforced from both nodes, and no more once it is deleted."""
    assert _both("open") == steered.verdicts()
    steered.guard()
    steered.settles(_both("dropped"))
    steered.release()
    steered.settles(_both("open"))


def test_nft_rejects(steered: Stage) -> None:
    """With --deny reject what is denied is refused at once."""
    steered.cluster.enforce(deny="reject")
    steered.guard()
    steered.settles(_both("refused"))


@pytest.mark.parametrize(("liar", "honest"), [("n1", "n2"), ("n2", "n1")])
def test_fault_on_one_node_shows_there_alone(steered: Stage, liar: str, honest: str) -> None:
    """A node whose agent ignores ingress leaves its own pods open, and no others."""
    steered.guard()
    steered.settles(_both("dropped"))
    steered.cluster.enforce(fault="ignore-ingress", nodes=(liar,))
    steered.settles({liar: "open", honest: "dropped"})


def test_fault_in_namespaces_reaches_what_the_api_server_is_asked(steered: Stage) -> None:
    """An agent that ignores namespaceSelector lets in pods of every namespace; an honest one does not."""
    elsewhere = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    rule = {"from": [{"namespaceSelector": elsewhere, "podSelector": {}}]}
    spec = {**_DENY_INGRESS, "ingress": [rule]}
    objects.create(steered.api, objects.policy(steered.namespace, "deny", spec))
    steered.settles(_both("dropped"))
    steered.cluster.enforce(fault="ignore-namespaces")
    steered.settles(_both("open"))


def test_late_fault_enforces_in_the_end(steered: Stage) -> None:
    """Under `late` a policy is not in force at first, and is later."""
    steered.cluster.enforce(fault="late:3s")
    steered.guard()
    assert _both("open") == steered.verdicts()
    steered.settles(_both("dropped"))


def test_flapping_fault_opens_again_and_again(steered: Stage) -> None:
    """Under `flap` what is denied opens, is denied again, and opens again."""
    steered.cluster.enforce(fault="flap", deny="reject")
    steered.guard()
    for expected in ("refused", "open", "refused", "open"):
        steered.settles(_both(expected))


def test_api_server_stopped(steered: Stage) -> None:
    """While the API server is away the rules stay, and the agents catch up when it is back."""
    steered.guard()
    steered.settles(_both("dropped"))
    steered.cluster.api_server.stop()
    assert not steered.api.ready()
    assert _both("dropped") == steered.verdicts()
    steered.cluster.api_server.start()
    steered.release()
    steered.settles(_both("open"))


def test_api_server_paused(steered: Stage) -> None:
    """A paused API server takes connections and answers nobody, until it is resumed."""
    with steered.cluster.api(timeout=1) as hasty:
        steered.cluster.api_server.pause()
        assert not hasty.ready()
        steered.cluster.api_server.resume()
        until(hasty.ready, "the API server to answer again")


def test_dead_agent_leaves_its_rules(steered: Stage) -> None:
    """An agent that dies enforces what it knew, and nothing new, as a crashed engine does."""
    steered.cluster.daemon("agent-n2").stop()
    steered.guard()
    steered.settles({"n1": "dropped", "n2": "open"})


def test_deleted_pod_is_forgotten(steered: Stage) -> None:
    """A pod's address, given to another pod, is not judged by what the first one was."""
    steered.guard()
    steered.settles(_both("dropped"))
    first = steered.guarded["n2"]
    steered.api.delete(objects.path(first))
    until(lambda: _gone(steered.api, first), "the pod to go")
    rules = steered.cluster.run("n2", "nft", "list", "ruleset")
    until(lambda: _rules_without(steered.cluster, first), f"the rules to forget it, which were {rules}", 20)


def _gone(api: Api, pod: Json) -> bool:
    items = api.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods")["items"]
    return pod["metadata"]["uid"] not in {item["metadata"]["uid"] for item in items}


def _rules_without(cluster: Cluster, pod: Json) -> bool:
    _, rules = cluster.run("n2", "nft", "list", "map", "inet", _table(cluster), "ingress_ipv4")
    return "type ipv4_addr" in rules and pod["status"]["podIP"] not in rules


def _table(cluster: Cluster) -> str:
    _, tables = cluster.run("n2", "nft", "list", "tables")
    return next(line.split()[-1] for line in tables.splitlines() if "prober_policies" in line)


def test_nothing_leads_out(unguarded: Stage) -> None:
    """From no namespace of the cluster is there a way to the host: no default route, no link, no answer."""
    cluster = unguarded.cluster
    for family in ("-4", "-6"):
        assert (0, "") == cluster.run("switch", "ip", family, "route", "show", "default")
    # this test is about who can reach it
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        arrived = threading.Event()

        def accept() -> None:
            try:
                server.accept()
            except OSError:
                return
            arrived.set()

        watcher = threading.Thread(target=accept, daemon=True)
        watcher.start()
        for address in (*_own_addresses(), "192.0.2.1", "2001:db8::1"):
            for said in (
                cluster.run("n1", "nc", "-zv", "-w", "1", address, str(port))[1],
                cluster.exec(unguarded.source, "nc", "-zv", "-w", "1", address, str(port))[1],
            ):
                # of IPv6's ICMP errors nc hears only when it sends the SYN again
                assert "failed" in said or (":" in address and "timed out" in said), (address, said)
        assert not arrived.is_set()
        server.shutdown(socket.SHUT_RDWR)
        watcher.join()


def test_every_link_ends_inside(kube_none: Cluster) -> None:
    """The switch has a link for each node, and the host has none of them."""
    _, inside = kube_none.run("switch", "ip", "-oneline", "link", "show", "type", "veth")
    assert len(kube_none.nodes) == len(inside.splitlines())
    host = {name for _, name in socket.if_nameindex()}
    assert not {"br0", "sw1", "sw2", "cni0"} & host


def _own_addresses() -> set[str]:
    """Return the host's own addresses as the default routes have them; no packet is sent."""
    found = set()
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.connect((elsewhere, 9))
            found.add(probe.getsockname()[0])
    return found


def test_external_host(steered: Stage) -> None:
    """What stands for the internet refuses pods of both families until it serves the port; policies hold for it too."""

    def verdicts() -> list[str]:
        return [_verdict(steered.knock(address)) for address in addresses.EXTERNAL]

    assert ["refused", "refused"] == verdicts()
    steered.cluster.serve(_PORT)
    assert ["open", "open"] == verdicts()
    spec = {"podSelector": {"matchLabels": {"app": "source"}}, "policyTypes": ["Egress"]}
    objects.create(steered.api, objects.policy(steered.namespace, "deny", spec))
    until(lambda: ["dropped", "dropped"] == verdicts(), "egress to be denied", 20)
