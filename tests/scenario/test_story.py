"""What the steps do, in which order, and on which addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prober import manifest
from prober.errors import InputError
from prober.model import AddPod, ApplyPolicy, ClusterState, ExternalRef, Family, LabelPod, NodeRef, PodRef, PolicyRef
from prober.model.plan import planned
from prober.scenario import Scenario, loads, planned_states, resolved
from tests.scenario.written import PATH, mistakes, policy, scenario

OUT = "{egress: [{to: [{ipBlock: {cidr: '%s'}}]}]}"


def actions(found: Scenario) -> list[list[str]]:
    return [[str(a) for a in step.actions] for step in found.steps]


def blocks(found: Scenario) -> list[Any]:
    """Return the address blocks of all policies, in order."""
    applied = (a.policy for step in found.steps for a in step.actions if isinstance(a, ApplyPolicy))
    return [p["ipBlock"] for a in applied for p in manifest.dump(a)["spec"]["egress"][0]["to"]]


def test_order_of_a_steps_actions() -> None:
    """Remove, add, label, delete, apply: whatever the order of writing."""
    found = scenario(
        "apply: " + policy("p"),
        f"""\
apply: [{policy("q")}, {policy("p")}]
delete: a/p
label: {{pods: {{a/new: {{app: x, old: null}}}}, namespaces: {{b: {{team: null}}}}}}
add: {{a/new: {{}}}}
remove: [a/web]""",
    )
    expected = [
        "remove pod a/web",
        "add pod a/new",
        "label namespace b team-",
        "label pod a/new app=x old-",
        "delete a/p",
        "apply a/q",
        "apply a/p",
    ]

    assert [["apply a/p"], expected] == actions(found)


@pytest.mark.parametrize(
    ("written", "deleted"),
    [
        ("any", ["a/p", "b/p", "a/q"]),
        ("a/any", ["a/p", "a/q"]),
        ("[a/q, b/any]", ["a/q", "b/p"]),
        ("[a/q, any]", ["a/q", "a/p", "b/p"]),
    ],
)
def test_delete_any_means_what_is_in_force_then(written: str, deleted: list[str]) -> None:
    """`any` stands for the policies that the steps before have left."""
    first = f"apply: [{policy('p')}, {policy('p', 'b')}, {policy('x')}]"
    found = scenario(first, f"delete: a/x\napply: {policy('q')}", f"delete: {written}")

    assert [f"delete {name}" for name in deleted] == actions(found)[2]


def test_replacing_a_policy_is_one_action() -> None:
    """Applying a policy that is there replaces it, and it is there once."""
    found = scenario(f"apply: {policy('p')}", f"apply: {policy('p', spec='{policyTypes: [Egress]}')}", "delete: any")

    assert [["apply a/p"], ["apply a/p"], ["delete a/p"]] == actions(found)


def test_removed_pod_may_come_back() -> None:
    """A name is free once its pod is gone, in the same step too."""
    found = scenario("remove: a/web\nadd: {a/web: {ports: [81]}}")

    assert [["remove pod a/web", "add pod a/web"]] == actions(found)


@pytest.mark.parametrize(
    ("steps", "mistake"),
    [
        (["remove: a/web", "remove: a/web"], "steps[1].remove: there is no pod a/web then"),
        (["remove: a/web\nlabel: {pods: {a/web: {x: y}}}"], "steps[0].label.pods.a/web: there is no pod a/web then"),
        (["remove: a/web", "expect: {denied: any -> a/web}"], "steps[1].expect.denied: there is no pod a/web then"),
        (["add: {c/x: {}}"], "steps[0].add.c/x: there is no namespace `c`"),
        (["add: {a/x: {}}", "add: {a/x: {}}"], "steps[1].add.a/x: there is a pod a/x already"),
        (["add: {kube-system/coredns: {}}"], "steps[0].add.kube-system/coredns: there is no namespace `kube-system`"),
        (["delete: any"], "steps[0].delete: no policy is in force then"),
        ([f"apply: {policy('p')}", "delete: a/p", "delete: a/p"], "steps[2].delete: there is no policy a/p then"),
        (["label: {pods: {web: {x: y}}}"], "steps[0].label.pods.web: `web` has no namespace"),
        (["label: {}"], "steps[0].label: nothing stands in it"),
        (["label: {pods: {}}"], "steps[0].label: nothing stands in it"),
        (["add: {}"], "steps[0].add: nothing stands in it"),
        (["label: {pods: {a/web: {}}}"], "steps[0].label.pods.a/web: nothing stands in it"),
    ],
)
def test_what_is_not_there_is_a_mistake(steps: list[str], mistake: str) -> None:
    """The steps are gone through in order; each must find what it names."""
    assert [mistake] == mistakes(*steps)


HOST = "summary: s\nnamespaces: {a: }\npods: {a/x: {hostNetwork: true, node: 1, ports: [80]}, %s}\n"


@pytest.mark.parametrize(
    ("pods", "step", "clash"),
    [
        ("a/y: {hostNetwork: true, node: 1, ports: [80]}", "remove: a/y", "pods: a/y and a/x both"),
        ("a/y: {}", "add: {a/z: {hostNetwork: true, node: 1, ports: [80]}}", "steps[0].add.a/z: a/z and a/x both"),
        ("a/y: {}}\nnodes: {1: {ports: [80]}", "remove: a/y", "pods: a/x and node/1 both"),
        ("a/y: {hostNetwork: true, node: 2, ports: [80]}", "remove: a/y", ""),
        ("a/y: {hostNetwork: true, node: 1, ports: [80/udp, 81]}", "remove: a/y", ""),
        ("a/y: {node: 1, ports: [80]}", "remove: a/y", ""),
    ],
)
def test_two_on_one_port_of_a_node(pods: str, step: str, clash: str) -> None:
    """Pods of the host network share their node's ports, so each port has one listener."""
    if clash:
        assert [f"{clash} listen on port 80 of node 1"] == mistakes(step, topology=HOST % pods)
    else:
        assert scenario(step, topology=HOST % pods)


def test_states_after_the_steps() -> None:
    """Every step is yielded with the planned state after it, added pods with their addresses."""
    later = "add: {a/late: {node: 1}}\nlabel: {pods: {a/db: {app: x}}}"
    found = scenario(f"apply: {policy('p')}\nremove: a/web", later)
    (_, first), (_, second) = planned_states(found)

    assert {PolicyRef("a", "p")} == set(first.policies) == set(second.policies)
    assert PodRef("a", "web") not in first.pods
    assert ("db", "x") == (first.pods[PodRef("a", "db")].labels["app"], second.pods[PodRef("a", "db")].labels["app"])
    late = second.pods[PodRef("a", "late")]
    assert late.addresses
    assert late.addresses[Family.IPV4] not in {p.addresses[Family.IPV4] for p in first.pods.values()}
    assert [{}] == [a.pod.addresses for a in found.steps[1].actions if isinstance(a, AddPod)]


def test_templates_are_filled_with_planned_addresses() -> None:
    """A pod, a node, a host outside and the API server; alone a template is a block of one address."""
    names = ["pod:a/web", "pod:a/web:ipv6", "node:2", "ext:partner", "apiserver", "apiserver:ipv6"]
    found = scenario(*(f"apply: {policy('p', spec=OUT % ('${' + name + '}'))}" for name in names))
    state, _ = planned(found.topology)
    web = state.pods[PodRef("a", "web")].addresses
    partner = state.externals[ExternalRef("partner")].addresses
    one, two = (state.nodes[NodeRef(n)].addresses for n in (1, 2))  # the API server runs on the first
    expected = [
        *(f"{web[Family.IPV4]}/32", f"{web[Family.IPV6]}/128", f"{two[Family.IPV4]}/32", f"{partner[Family.IPV4]}/32"),
        *(f"{one[Family.IPV4]}/32", f"{one[Family.IPV6]}/128"),
    ]

    assert [{"cidr": cidr} for cidr in expected] == blocks(found)


def test_template_with_a_length_and_in_exceptions() -> None:
    """A template may be the address of a larger block, and an exception."""
    spec = "{egress: [{to: [{ipBlock: {cidr: '${ext:partner}/16', except: ['${ext:partner}/31']}}]}]}"

    assert [{"cidr": "203.0.0.0/16", "except": ["203.0.113.10/31"]}] == blocks(
        scenario(f"apply: {policy('p', spec=spec)}")
    )


def test_template_of_a_pod_of_the_same_step() -> None:
    """Pods are added before policies are applied, so these may hold their addresses."""
    found = scenario(f"add: {{a/late: {{}}}}\napply: {policy('p', spec=OUT % '${pod:a/late}')}")
    ((_, state),) = planned_states(found)

    assert [{"cidr": f"{state.pods[PodRef('a', 'late')].addresses[Family.IPV4]}/32"}] == blocks(found)


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("pod:a/nobody", "there is no pod a/nobody then"),
        ("ext:nobody", "there is no external host nobody"),
        ("node:3", "there is no node 3"),
        ("node:0", "`${node:0}` stands for no address"),
        ("svc:a/db", "`${svc:a/db}` stands for no address"),
        ("pod:a/web:ipv5", "`${pod:a/web:ipv5}` stands for no address"),
        ("", "`${}` stands for no address"),
    ],
)
def test_template_of_nothing(name: str, mistake: str) -> None:
    """A template that stands for no address is a mistake at its place."""
    key = "steps[0].apply.spec.egress[0].to[0].ipBlock.cidr"

    assert [f"{key}: {mistake}"] == mistakes(f"apply: {policy('p', spec=OUT % ('${' + name + '}'))}")


def test_templates_are_no_labels() -> None:
    """Only address blocks are filled: elsewhere a template is a fault of spelling."""
    spec = """{podSelector: {matchLabels: {a: "${node:1}"}}}"""
    (mistake,) = mistakes(f"apply: {policy('p', spec=spec)}")

    assert "steps[0].apply.spec.podSelector.matchLabels.a: `${node:1}` is no label value" == mistake


def real(found: Scenario) -> ClusterState:
    """Return a state such as another cluster gives: other addresses."""
    state, _ = planned(found.topology)
    pods = {
        ref: replace(pod, addresses={Family.IPV4: f"10.9.0.{i}"}) for i, (ref, pod) in enumerate(state.pods.items())
    }
    return replace(state, pods=pods, families=(Family.IPV4,))


def test_resolved_scenario_has_the_real_addresses() -> None:
    """Manifests are filled again with what a cluster gave; all else stays as it is."""
    first = f"apply: {policy('p', spec=OUT % '${pod:a/db}')}\nexpect: {{denied: a/web -> a/db}}"
    found = scenario(first, "label: {pods: {a/db: {x: y}}}")
    there = resolved(found, real(found))

    assert [{"cidr": "10.9.0.1/32"}] == blocks(there)
    assert (found.topology, found.steps[1:], found.steps[0].expect) == (
        there.topology,
        there.steps[1:],
        there.steps[0].expect,
    )
    assert [LabelPod] == [type(a) for a in there.steps[1].actions]


def test_resolving_again_after_a_pod_was_added() -> None:
    """A pod that the cluster does not have yet keeps its planned address until it has."""
    found = scenario(f"add: {{a/late: {{}}}}\napply: {policy('p', spec=OUT % '${pod:a/late}')}")
    before = real(found)
    late = replace(found.topology.pods[0], name="late", addresses={Family.IPV4: "10.9.9.9"})
    after = replace(before, pods={**before.pods, late.ref: late})

    assert blocks(found) == blocks(resolved(found, before))
    assert [{"cidr": "10.9.9.9/32"}] == blocks(resolved(found, after))


def test_templates_mean_the_primary_family_of_the_cluster() -> None:
    """On a cluster whose primary family is IPv6, a template without a family is an IPv6 address."""
    found = scenario(f"apply: {policy('p', spec=OUT % '${pod:a/web}')}")
    before = real(found)
    pods = {ref: replace(pod, addresses={Family.IPV6: "fd01::9"}) for ref, pod in before.pods.items()}

    assert [{"cidr": "fd01::9/128"}] == blocks(resolved(found, replace(before, pods=pods, families=(Family.IPV6,))))


def test_real_addresses_can_make_an_exception_impossible() -> None:
    """What fits the planned addresses need not fit the real ones: a mistake, with its place."""
    spec = "{egress: [{to: [{ipBlock: {cidr: 10.244.0.0/16, except: ['${pod:a/web}']}}]}]}"
    found = scenario(f"apply: {policy('p', spec=spec)}")

    with pytest.raises(InputError, match=r"except\[0\]: 10\.9\.0\.0/32 is no strict subset of 10\.244\.0\.0/16"):
        resolved(found, real(found))


def test_rebuilding_needs_every_text() -> None:
    """A scenario whose manifest's text is lost cannot be rebuilt, and says which."""
    found = scenario("apply: p.yaml", p_yaml=policy("p"))

    with pytest.raises(InputError, match=r"`dir/p\.yaml` is not among the scenario's texts"):
        loads({PATH: found.texts[PATH]}, PATH)
