"""Tests of the objects that a run creates: Pod Security, marks, listeners, and what the kubelet makes of text."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from prober.cluster.kube import objects
from prober.cluster.kube.objects import Marks
from prober.cluster.kube.target import DEFAULT_IMAGE, KubeTarget
from prober.model import Direction, Namespace, NetworkPolicy, Pod, Port, Protocol, Service, ServicePort

MARKS = Marks(run="k3", topology="k3-1", started="2026-01-01T00:00:00+00:00")
TARGET = KubeTarget(run_id="k3")
UDP = Protocol.UDP


def pod_spec(*ports: Port, target: KubeTarget = TARGET, host_network: bool = False) -> dict[str, Any]:
    pod = Pod(namespace="payments", name="api", ports=ports, host_network=host_network)
    job = objects.job(pod, "p1-k3-api", "pr-k3-payments", "n1", "script", MARKS, target)
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def container(*ports: Port, **settings: Any) -> dict[str, Any]:
    (one,) = pod_spec(*ports, **settings)["containers"]
    found: dict[str, Any] = one
    return found


def test_pods_meet_pod_security_restricted() -> None:
    """Not root, no privilege to gain, no capability, the runtime's seccomp profile, a root that is read only."""
    spec, one = pod_spec(Port(number=8080)), container(Port(number=8080))

    assert {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    } == spec["securityContext"]
    assert {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    } == one["securityContext"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & spec.keys()


def test_pods_have_no_token_and_no_service_variables() -> None:
    """A probe pod can do nothing at the API server, and knows nothing of the Services beside it."""
    spec = pod_spec()

    assert (False, False) == (spec["automountServiceAccountToken"], spec["enableServiceLinks"])


def test_pods_end_by_themselves() -> None:
    """Whatever becomes of prober, the Job and its pod end after their lifetime, and no other pod takes its place."""
    job = objects.job(Pod(namespace="a", name="b"), "s", "real", "n1", "", MARKS, KubeTarget(run_id="k3", lifetime=900))

    assert (900, 0, 1, 1) == tuple(
        job["spec"][k] for k in ("activeDeadlineSeconds", "backoffLimit", "parallelism", "completions")
    )
    assert (900, "Never") == tuple(
        job["spec"]["template"]["spec"][k] for k in ("activeDeadlineSeconds", "restartPolicy")
    )


@pytest.mark.parametrize(
    ("sysctls", "ports"),
    [
        ([{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}], (Port(number=53, protocol=UDP),)),
        (None, (Port(number=1024),)),
        (None, ()),
    ],
    ids=["low-port", "high-port", "no-port"],
)
def test_low_ports_are_opened_by_the_sysctl_alone(sysctls: object, ports: tuple[Port, ...]) -> None:
    """Who listens below 1024 needs no root and no capability, only the sysctl that "restricted" allows."""
    assert sysctls == pod_spec(*ports)["securityContext"].get("sysctls")


def test_host_network_pods_listen_low_with_the_capability() -> None:
    """In a node's network the sysctl is not ours to set: root with that one capability, in a namespace that says so."""
    spec = pod_spec(Port(number=80), host_network=True)

    assert (True, "ClusterFirstWithHostNet") == (spec["hostNetwork"], spec["dnsPolicy"])
    assert "sysctls" not in spec["securityContext"]
    assert {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]} == spec["containers"][0]["securityContext"]["capabilities"]


@pytest.mark.parametrize(
    ("flags", "ports"),
    [
        ([], ()),
        (["--tcp --port=80"], (Port(number=80),)),
        (["--tcp --udp --port=53"], (Port(number=53), Port(number=53, protocol=UDP))),
        (["--udp --port=53", "--tcp --port=80"], (Port(number=53, protocol=UDP), Port(number=80))),
        (["--tcp --port=80"], (Port(number=80), Port(number=90, protocol=Protocol.SCTP))),
    ],
    ids=["none", "tcp", "both-on-one-number", "two-numbers", "sctp-is-nobodys"],
)
def test_one_listener_serves_each_port_number(flags: list[str], ports: tuple[Port, ...]) -> None:
    """Every declared TCP and UDP port is served, in one container."""
    assert flags == container(*ports)["command"][4:]


def test_named_ports_are_declared() -> None:
    """A policy's named port is looked up in the pod's own list of ports."""
    ports = (Port(number=5432, name="sql"), Port(number=53, protocol=UDP))

    assert [
        {"containerPort": 5432, "protocol": "TCP", "name": "sql"},
        {"containerPort": 53, "protocol": "UDP"},
    ] == container(*ports)["ports"]


def test_text_survives_the_kubelets_expansion() -> None:
    """$(NAME) in a container's command or variable is expanded by the kubelet, and $$ becomes $: neither may show."""
    text = "a $(printf x) $$ $1 $(HOME)"

    expanded = re.sub(r"\$(\$|\((\w+)\))", lambda m: "$" if m[1] == "$" else "EXPANDED", objects.unexpanded(text))

    assert text == expanded


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
def test_pod_ends_with_its_first_listener(tmp_path: Path) -> None:
    """A pod of which a listener ended must not go on half: its container ends too."""
    agnhost = tmp_path / "agnhost"
    agnhost.write_text('#!/bin/sh\ncase "$*" in *--port=1) exit 1 ;; *) exec sleep 60 ;; esac\n')
    agnhost.chmod(0o755)
    command = container(Port(number=1), Port(number=2))["command"]
    command[2] = command[2].replace("$$", "$")

    ended = subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, timeout=10, check=False)

    assert 1 == ended.returncode


def test_default_image_is_pinned() -> None:
    """Nobody can put other tools under the name of the image."""
    assert re.search(r"@sha256:[0-9a-f]{64}$", DEFAULT_IMAGE)


def test_settings_reach_the_pod() -> None:
    """What a user says of image, secret, nodes, tolerations and priority is in every pod."""
    toleration = {"key": "dedicated", "operator": "Exists"}
    spec = pod_spec(
        target=KubeTarget(
            image="mirror/agnhost:1",
            pull_policy="Never",
            pull_secret="registry",  # noqa: S106  # the name of a Secret
            node_selector={"pool": "probes"},
            tolerations=(toleration,),
            priority_class="prober",
        )
    )

    assert ("mirror/agnhost:1", "Never") == (spec["containers"][0]["image"], spec["containers"][0]["imagePullPolicy"])
    assert [{"name": "registry"}] == spec["imagePullSecrets"]
    assert {"pool": "probes"} == spec["nodeSelector"]
    assert [toleration] == spec["tolerations"]
    assert "prober" == spec["priorityClassName"]


def test_everything_carries_the_runs_marks() -> None:
    """What a run makes is found again by its labels, which a scenario's own cannot take away."""
    pod = Pod(namespace="a", name="b", labels={"prober/run": "liar", "app": "x"})
    policy = NetworkPolicy(namespace="real", name="deny", types=frozenset({Direction.INGRESS}))
    service = Service(namespace="a", name="s", selector={"app": "x"}, ports=(ServicePort(port=80, target=80),))
    job = objects.job(pod, "s", "real", "n1", "", MARKS, TARGET)
    made = [
        objects.namespace(Namespace(name="a"), "real", MARKS, TARGET, privileged=False),
        job,
        job["spec"]["template"],
        objects.service(service, "real", MARKS),
        objects.policy(policy, MARKS),
    ]

    for one in made:
        assert {"prober/run": "k3", "prober/topology": "k3-1"}.items() <= one["metadata"]["labels"].items()
    assert {"app": "x", "prober/run": "k3", "prober/topology": "k3-1"} == made[3]["spec"]["selector"]


def test_namespaces_are_as_strict_as_their_pods() -> None:
    """A namespace enforces "restricted"; only one with a pod in its node's network cannot."""
    one = Namespace(name="a", labels={"team": "x"})
    labels = [objects.namespace(one, "real", MARKS, TARGET, privileged=p)["metadata"]["labels"] for p in (False, True)]

    assert ["restricted", "privileged"] == [found["pod-security.kubernetes.io/enforce"] for found in labels]
    assert all("x" == found["team"] and "kubernetes.io/metadata.name" not in found for found in labels)
