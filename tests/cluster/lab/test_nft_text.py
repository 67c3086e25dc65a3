"""What the compiler writes, and that the real nft takes all of it, unprivileged; what packets do is tested beside."""

from __future__ import annotations

import re
import time

import pytest

from prober.cluster.lab.nft import compile_policies
from prober.cluster.lab.script import LIMIT, Script
from prober.model import EVERYTHING, Direction, NetworkPolicy, PodPeer, Rule
from tests.cluster.lab.loading import load, names
from tests.cluster.lab.policies import Strange, crowd, with_policies


@pytest.mark.lab
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("deny", ["drop", "reject"])
def test_nft_takes_whatever_policies_say(seed: int, deny: str) -> None:
    """Twelve strange states, one after the other, load on a node; then only the last generation is there."""
    strange = Strange(seed)
    states = [with_policies(strange.state, *strange.policies(12)) for _ in range(12)]
    listed = load(compile_policies(s, seed % 2 + 1, i, deny=deny) for i, s in enumerate(states))
    assert ["prober_policies_11"] == names(listed, "table")
    assert {"egress", "egress_to_node", "ingress"} <= set(names(listed, "chain"))


@pytest.mark.lab
def test_a_thousand_pods_and_policies_load_within_seconds() -> None:
    """1,000 pods under 1,000 policies are compiled in 2 s and loaded within the bounds of an unprivileged nft."""
    state = crowd(1000, 1000)
    began = time.process_time()
    script = compile_policies(state, 1, 0)
    assert time.process_time() - began < 2  # measured: 0.1
    assert len(script.fill) > 1
    assert len(script.switch) < LIMIT / 100
    load([script])


@pytest.mark.lab
def test_a_fill_that_was_cut_short_is_filled_again() -> None:
    """What an aborted load has left of its own generation does not stay."""
    script, more = (compile_policies(crowd(pods, 10), 1, 1) for pods in (50, 100))
    aborted = Script(fill=more.fill, switch="")
    assert names(load([script]), "chain") == names(load([aborted, script]), "chain")


def test_equal_selections_share_one_set() -> None:
    """A hundred policies with the same peer write its pods down once for each family."""
    everyone = Rule(peers=(PodPeer(namespaces=EVERYTHING),))
    policies = (
        NetworkPolicy(namespace="n0", name=f"p{i}", types=frozenset({Direction.INGRESS}), ingress=(everyone,))
        for i in range(100)
    )
    script = compile_policies(with_policies(crowd(50, 0), *policies), 1, 0)
    assert ["pods_0", "pods_1"] == re.findall(r"add set \S+ \S+ (\S+)", "".join(script.fill))


def test_a_node_enforces_on_its_own_pods_alone() -> None:
    """Chains exist for the pods of the node, and none for those of the other."""
    state = crowd(2, 0)
    policy = NetworkPolicy(namespace="n0", name="p", types=frozenset({Direction.INGRESS}))
    texts = ["".join(compile_policies(with_policies(state, policy), node, 0).fill) for node in (1, 2)]
    assert [True, False] == ["jump ingress_pods_0" in text for text in texts]


def test_a_denial_names_the_policies_and_the_side() -> None:
    """The log line of a dropped packet says which policies isolate its pod."""
    policies = (
        NetworkPolicy(namespace="n0", name=name, types=frozenset({Direction.EGRESS})) for name in ("deny", "more")
    )
    script = compile_policies(with_policies(crowd(2, 0), *policies), 1, 0)
    assert 'log prefix "egress n0/deny n0/more" group 7 counter' in "".join(script.fill)


def test_an_unknown_denial_is_refused() -> None:
    """A misspelt denial must not become a drop."""
    with pytest.raises(ValueError, match="deny 'refuse': there are drop, reject"):
        compile_policies(crowd(1, 0), 1, 0, deny="refuse")
