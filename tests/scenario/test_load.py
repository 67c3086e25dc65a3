"""Which files are read, what is kept of them, and what is refused before it is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from prober.errors import InputError, UsageError
from prober.model import Family, Namespace, Node, Pod, Port, Protocol, Service, ServicePort
from prober.scenario import Need, load, loads
from prober.yamltext import MAX_BYTES
from tests.scenario.written import PATH, TOPOLOGY, mistakes, policy, scenario, text

OPEN = "expect: {allowed: [any -> any]}"


def put(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


def test_directory_collects_scenarios_alone(tmp_path: Path) -> None:
    """A directory gives its *.scenario.yaml at any depth, sorted; manifests and directories of that name are none."""
    files = {
        "z.scenario.yaml": text(OPEN),
        "d/a.scenario.yaml": text(OPEN),
        "d/p.yaml": policy("p"),
        "e.scenario.yaml/x.txt": "",
    }

    assert ["a", "z"] == [s.name for s in load([put(tmp_path, files)])]


def test_file_is_taken_by_any_name(tmp_path: Path) -> None:
    """A file that is named itself need not be called *.scenario.yaml, and is read once however often it is named."""
    path = put(tmp_path, {"odd.txt": text(OPEN)}) / "odd.txt"

    assert ["odd.txt"] == [s.name for s in load([path, path])]


@pytest.mark.parametrize("name", ["nothing-here", "gone.scenario.yaml", "gone/\x1b[31m"])
def test_nothing_found_says_what_was_searched(name: str, tmp_path: Path) -> None:
    """A selection that matches nothing is wrong use, and the message names it."""
    (tmp_path / "nothing-here").mkdir()

    with pytest.raises(UsageError, match=name.split("\x1b", maxsplit=1)[0]) as caught:
        load([tmp_path / name])
    assert "\x1b" not in str(caught.value)
    assert 2 == caught.value.exit_code


def test_neither_file_nor_directory_is_refused(tmp_path: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UsageError, match="neither file nor directory"):
        load([tmp_path / "pipe"])


def test_mistakes_of_all_files_are_shown(tmp_path: Path) -> None:
    """One bad file hides no other."""
    put(tmp_path, {"a.scenario.yaml": "", "b.scenario.yaml": text(OPEN), "c.scenario.yaml": "x: 1\nx: 1"})

    with pytest.raises(InputError) as caught:
        load([tmp_path])
    assert ["a.scenario.yaml", "c.scenario.yaml"] == [Path(m.file).name for m in caught.value.mistakes]


def test_two_scenarios_of_one_name(tmp_path: Path) -> None:
    """Reports know scenarios by name, so no two have the same."""
    put(tmp_path, {"a/s.scenario.yaml": text(OPEN), "b/s.scenario.yaml": text(OPEN)})

    with pytest.raises(InputError, match="has the name s too; rename one of them"):
        load([tmp_path])


def test_scenario_is_rebuilt_from_its_texts(tmp_path: Path) -> None:
    """All files that were read are kept, and give the same scenario without the disk."""
    files = {"s.scenario.yaml": text("apply: [p.yaml, sub/q.yaml, p.yaml]"), "p.yaml": "", "sub/q.yaml": policy("q")}
    files["p.yaml"] = policy("p")
    files["s.scenario.yaml"] = text("apply: [p.yaml, sub/q.yaml]", "apply: p.yaml")
    (found,) = load([put(tmp_path, files)])
    rebuilt = loads(found.texts, found.path)

    assert {str(tmp_path / name): content for name, content in files.items()} == found.texts
    assert found == rebuilt


def test_mistake_in_a_manifest_is_placed_in_its_file() -> None:
    """A manifest's mistake has the manifest's file and line, not the scenario's."""
    with pytest.raises(InputError) as caught:
        scenario("apply: p.yaml", p_yaml="# a policy\n" + policy("P"))

    assert [("dir/p.yaml", 2, "metadata.name")] == [(m.file, m.line, m.key) for m in caught.value.mistakes]


def test_large_file_is_refused_unread(tmp_path: Path) -> None:
    """No more than a megabyte is read of any file."""
    (tmp_path / "a.scenario.yaml").write_bytes(b"a" * (MAX_BYTES + 1))

    with pytest.raises(InputError, match="larger than 1024 KiB; split it"):
        load([tmp_path])


@pytest.mark.parametrize(
    "target", ["../secret.yaml", "/etc/passwd", "sub/../../secret.yaml", "link.yaml", "sub/link.yaml"]
)
def test_manifest_outside_of_the_directory_is_refused(target: str, tmp_path: Path) -> None:
    """Neither a path nor a symbolic link leads out of the scenario's directory."""
    put(tmp_path, {"secret.yaml": policy("p"), "d/s.scenario.yaml": text(f"apply: {target}"), "d/sub/x": ""})
    (tmp_path / "d/link.yaml").symlink_to(tmp_path / "secret.yaml")
    (tmp_path / "d/sub/link.yaml").symlink_to("../../secret.yaml")

    with pytest.raises(InputError, match="leads out of the scenario's directory"):
        load([tmp_path / "d"])


@pytest.mark.parametrize("name", ["../p.yaml", "sub/../../p.yaml", "/p.yaml"])
def test_texts_hold_no_way_out_either(name: str) -> None:
    """A scenario that is rebuilt from texts is as strict as one from the disk."""
    content = text(f"apply: {name}")

    with pytest.raises(InputError, match="leads out of the scenario's directory"):
        loads({PATH: content, "dir/../p.yaml": policy("p"), "/p.yaml": policy("p")}, PATH)


def test_links_inside_the_directory_are_followed(tmp_path: Path) -> None:
    """A link to a file of the same tree, and a tree that is itself reached by a link, are read."""
    put(tmp_path, {"d/s.scenario.yaml": text("apply: link.yaml"), "d/sub/p.yaml": policy("p")})
    (tmp_path / "d/link.yaml").symlink_to("sub/p.yaml")
    (tmp_path / "e").symlink_to("d")
    (tmp_path / "t.scenario.yaml").symlink_to("d/s.scenario.yaml")
    (tmp_path / "link.yaml").symlink_to("d/sub/p.yaml")

    assert ["s"] == [s.name for s in load([tmp_path / "e"])]
    assert ["t"] == [s.name for s in load([tmp_path / "t.scenario.yaml"])]


def test_links_in_a_circle_are_a_mistake(tmp_path: Path) -> None:
    """A link to itself is no file."""
    (put(tmp_path, {"s.scenario.yaml": text("apply: link.yaml")}) / "link.yaml").symlink_to("link.yaml")

    with pytest.raises(InputError, match=r"link\.yaml"):
        load([tmp_path])


@pytest.mark.parametrize(
    ("target", "message"),
    [("sub", "there is no file `"), ("a" * 5000, "cannot be read|there is no file"), ('"a\\0b"', "control character")],
)
def test_odd_file_names_are_mistakes(target: str, message: str, tmp_path: Path) -> None:
    """A directory, a name too long and a NUL end in a mistake."""
    put(tmp_path, {"s.scenario.yaml": text(f"apply: {target}"), "sub/x": ""})

    with pytest.raises(InputError, match=message):
        load([tmp_path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file_is_a_mistake(tmp_path: Path) -> None:
    """Missing permissions are said."""
    (put(tmp_path, {"s.scenario.yaml": text(OPEN)}) / "s.scenario.yaml").chmod(0)

    with pytest.raises(InputError, match="check its permissions"):
        load([tmp_path])


def test_topology_is_as_written() -> None:
    """No addresses and no furniture: what the author wrote, and the two nodes."""
    found = scenario(
        OPEN,
        topology="""
summary: |
  Several
  lines
tags: [x, y-1]
namespaces: {a: {labels: {team: ""}}, b: }
pods:
  a/web: {labels: {app: web}, ports: [80, 53/udp, 132/sctp, {port: 443, name: tls}], node: 2, hostNetwork: true}
  b/client: {}
services:
  a/web: {selector: {app: web}, ports: [80, {port: 443, targetPort: tls, name: tls}, 53/udp]}
  a/one: {selector: {app: web}, ports: [{port: 80}], headless: true}
nodes: {1: {ports: [9100/udp]}}
""",
    )
    topology = found.topology

    assert ("Several lines", ("x", "y-1"), ()) == (found.summary, found.tags, found.families)
    assert (Namespace(name="a", labels={"team": ""}), Namespace(name="b")) == topology.namespaces
    web = Pod(
        namespace="a",
        name="web",
        labels={"app": "web"},
        ports=(
            Port(number=80),
            Port(number=53, protocol=Protocol.UDP),
            Port(number=132, protocol=Protocol.SCTP),
            Port(number=443, name="tls"),
        ),
        node=2,
        host_network=True,
    )
    assert (web, Pod(namespace="b", name="client")) == topology.pods
    ports = (
        ServicePort(port=80, target=80, name="80-tcp"),
        ServicePort(port=443, target="tls", name="tls"),
        ServicePort(port=53, target=53, protocol=Protocol.UDP, name="53-udp"),
    )
    one = Service(
        namespace="a", name="one", selector={"app": "web"}, ports=(ServicePort(port=80, target=80),), headless=True
    )
    assert (Service(namespace="a", name="web", selector={"app": "web"}, ports=ports), one) == topology.services
    assert (Node(number=1, ports=(Port(number=9100, protocol=Protocol.UDP),)), Node(number=2)) == topology.nodes


BARE = "summary: s\nnamespaces: {a: }\npods: {a/x: {ports: [80]}, a/y: {}}\n"


@pytest.mark.parametrize(
    ("topology", "step", "needs"),
    [
        (BARE, OPEN, ()),
        (BARE + "requires: [sctp, two-nodes]\n", OPEN, (Need.TWO_NODES, Need.SCTP)),
        (BARE.replace("{}", "{node: 1}"), OPEN, ()),
        (BARE.replace("{}", "{node: 2}"), OPEN, (Need.TWO_NODES,)),
        (BARE.replace("{}", "{hostNetwork: true}"), OPEN, (Need.HOST_NETWORK,)),
        (BARE.replace("{}", "{ports: [1/sctp]}"), OPEN, (Need.SCTP,)),
        (BARE + "families: [ipv6, ipv6]\n", OPEN, (Need.IPV6,)),
        (BARE + "families: [ipv4]\n", OPEN, ()),
        (BARE, "expect: {allowed: 'a/y -> a/x:80/ipv6'}", (Need.IPV6,)),
        (BARE + "external: {e: {ports: [1]}}\n", OPEN, (Need.EXTERNAL,)),
        (BARE + "nodes: {2: {ports: [1]}}\n", "expect: {allowed: 'a/y -> node/2:1'}", (Need.TWO_NODES,)),
        (BARE, "add: {a/z: {node: 2, ports: [1/sctp]}}", (Need.TWO_NODES, Need.SCTP)),
        (BARE, "apply: " + policy("p", spec="{egress: [{to: [{ipBlock: {cidr: '${node:2}'}}]}]}"), (Need.TWO_NODES,)),
        (BARE, "apply: " + policy("p", spec="{egress: [{to: [{ipBlock: {cidr: '${pod:a/x:ipv6}'}}]}]}"), (Need.IPV6,)),
    ],
)
def test_needs_are_those_written_and_those_used(topology: str, step: str, needs: tuple[Need, ...]) -> None:
    """What a scenario plainly uses need not be written under `requires`."""
    assert needs == scenario(step, topology=topology).requires


def test_families_are_in_order_and_once() -> None:
    """The families as the author orders them."""
    assert (Family.IPV6, Family.IPV4) == scenario(OPEN, topology=TOPOLOGY + "families: [ipv6, ipv4, ipv6]\n").families


def test_independent_mistakes_are_shown_together() -> None:
    """A slip in the topology hides none in the steps or in the manifests."""
    topology = TOPOLOGY.replace("80,", "80000,").replace("summary: A scenario", "sumary: A scenario")
    expected = [
        "sumary: unknown key",
        "pods.a/web.ports[0]: 80000 is no port number",
        "steps[0].apply.spec.egres: unknown key",
        "steps[0].expect.denied: there is no `->`",
        "steps[1].label.pods.a/web.app: yes is a boolean to YAML, where text is expected",
    ]
    one = f"apply: {policy('p', spec='{egres: []}')}\nexpect: {{denied: a/web}}"
    two = "label: {pods: {a/web: {app: yes}}}"

    assert expected == mistakes(one, two, topology=topology)


def test_full_node_is_a_mistake() -> None:
    """More pods than the lab can put on a node are refused before any is made."""
    pods = "".join(f"  a/p{i}: {{node: 1}}\n" for i in range(2048))

    assert ["pods: node 1 is full: the lab puts at most 2047 pods on one"] == mistakes(
        "remove: a/p1", topology=f"summary: s\nnamespaces: {{a: }}\npods:\n{pods}"
    )


def test_path_of_a_scenario_need_not_exist() -> None:
    """A scenario in memory is named after its path."""
    assert ("s", PATH) == (scenario(OPEN).name, scenario(OPEN).path)
