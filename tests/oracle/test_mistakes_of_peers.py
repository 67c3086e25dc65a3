"""What other tools got wrong, each a test by the name of its mistake: the oracle and the naive evaluator get it right.

The mistakes are those of evaluators (cyclonus, policy-assistant, netpol-analyzer, illuminatio, kube-network-policies)
and of engines; they stand in tests/data/upstream/mistakes-of-peers.yaml.
"""

from __future__ import annotations

import pytest
import yaml

from prober.errors import InputError
from prober.manifest import load
from tests.oracle.upstream import MISTAKES, Case, disagreements, parameters
from tests.oracle.worlds import Manifest, named


@pytest.mark.parametrize("case", parameters(MISTAKES))
def test_mistake(case: Case) -> None:
    """What the specification says, where somebody said otherwise."""
    assert case.given["why"]
    assert [] == disagreements(case)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"from": [{}]}, id="a peer that matches nothing: it has nothing in it (19)"),
        pytest.param(
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]},
            id="ipBlock beside a selector in one peer (19)",
        ),
        pytest.param(
            {"from": [{"ipBlock": {"cidr": "192.168.0.0/24", "except": ["192.168.1.0/24"]}}]},
            id="kube-network-policies: an exception outside of its block (26)",
        ),
        pytest.param(
            {"ports": [{"port": 34000, "endPort": 31000}]},
            id="kube-router: a range that ends before it begins is its first port (34)",
        ),
        pytest.param(
            {"ports": [{"port": 30000, "endPort": 65537}]},
            id="kube-network-policies: a port above 65535 (34)",
        ),
        pytest.param({"ports": [{"port": "-50:-1"}]}, id="calico: a rule with a port of no name is dropped (36)"),
    ],
)
def test_what_the_api_rejects_is_no_policy(rule: Manifest) -> None:
    """It is a mistake in the file, and nothing is made of it."""
    policy = named("a", "p", {"podSelector": {}, "ingress": [rule]})
    with pytest.raises(InputError):
        load(yaml.safe_dump(policy), "p.yaml")
