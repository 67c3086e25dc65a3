"""`prober plan`: what a run would make and send, and how long it takes at least; it makes and sends nothing."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace

from prober.cells import round_of, with_witnesses
from prober.cli.choosing import asked, checked, tagged
from prober.cli.output import say
from prober.durations import show_duration
from prober.expect import expectations, unprobeable
from prober.model import Addresses, ApplyPolicy, ClusterState
from prober.model.plan import planned
from prober.outcomes import Verdict
from prober.scenario import Scenario, Step, planned_states
from prober.terminal import one_line

# What the lab costs beside waiting, on one core (measured): seconds to open and close one, and per attempt
_OPENING = 0.3
_ATTEMPT = 0.002
_LISTED = 12
_IN_THE_LAB = "lab: a run makes this inside its own processes and leaves nothing; it needs what `prober doctor` checks"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """The least that a scenario takes: every cell agrees in the first round."""

    attempts: int
    seconds: float


def plan(args: Namespace) -> int:
    """Say what a run with these options would make and send."""
    chosen = asked(tagged(checked(args.PATH), args.tag), args.only)
    scenarios = [replace(s, topology=with_witnesses(s.topology)) for s in chosen]
    say("".join(f"{line}\n" for line in (_on_a_cluster() if args.cluster == "kube" else [_IN_THE_LAB])))
    costs = []
    for scenario in scenarios:
        cost = _cost(scenario, args)
        costs.append(cost)
        say("\n" + "".join(f"{line}\n" for line in _lines(scenario, cost)))
    attempts = sum(c.attempts for c in costs)
    seconds = max(max(c.seconds for c in costs), sum(c.seconds for c in costs) / args.jobs)
    say(
        f"\n{_many(len(scenarios), 'scenario')}, {args.jobs} at once: "
        f"at least {_many(attempts, 'attempt')} and {show_duration(seconds)}; "
        f"a step that does not agree takes up to {show_duration(args.settle)} longer, "
        f"a scenario at most {show_duration(args.budget)}\n"
    )
    return 0


def _on_a_cluster() -> Iterator[str]:
    """Say what a run makes on any cluster beside its scenarios' own, and what its account must be allowed to do."""
    from prober.cluster.kube.access import NEEDS

    yield "kube: nothing was asked of a cluster; addresses and times are those that the lab would have"
    yield "  first the canary, once: four pods on every node that can run them, and two policies"
    yield "  each scenario's namespaces get names of the run (pr-RUN-...), each pod a Job, each open topology a Lease;"
    yield "  all of it carries the label prober/run and is removed at the end (--keep leaves it)"
    yield "  permissions, in all namespaces (`prober doctor --cluster kube` asks the cluster for them):"
    yield from (f"    {need}" for need in NEEDS)


def _lines(scenario: Scenario, cost: _Cost) -> Iterator[str]:
    topology = scenario.topology
    state, _ = planned(topology)
    policies = dict.fromkeys(a.policy.ref for s in scenario.steps for a in s.actions if isinstance(a, ApplyPolicy))
    yield one_line(f"{scenario.name} ({scenario.path}): {scenario.summary}")
    made = {
        "namespace": len(topology.namespaces),
        "pod": len(topology.pods),
        "Service": len(topology.services),
        "external host": len(topology.externals),
        "node": len(topology.nodes),
    }
    yield f"  makes {', '.join(_many(n, word) for word, n in made.items() if n)}, and a resolver"
    services = [state.services[s.ref] for s in topology.services]
    yield from _listed("pods", [_placed(p.ref, p.addresses, p.node) for p in state.probe_pods()])
    yield from _listed("Services", [_placed(s.ref, s.addresses, None) for s in services])
    yield from _listed("external hosts", [_placed(e.ref, e.addresses, None) for e in state.externals.values()])
    yield from _listed("policies", [str(ref) for ref in policies])
    yield f"  sends at least {_many(cost.attempts, 'attempt')} in {_many(len(scenario.steps), 'step')}"
    yield f"  takes at least {show_duration(cost.seconds)}"


def _listed(what: str, items: list[str]) -> Iterator[str]:
    if items:
        more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
        yield f"  {what}: {', '.join(items[:_LISTED])}{more}"


def _placed(name: object, addresses: Addresses, node: int | None) -> str:
    where = [*addresses.values()] + ([f"node {node}"] if node else [])
    return f"{name} ({', '.join(where)})" if where else str(name)


def _cost(scenario: Scenario, args: Namespace) -> _Cost:
    """Count the rounds of a scenario in which everything agrees at once, as `runner` sends them."""
    first = planned(scenario.topology)[0]
    attempts, seconds = 0, _OPENING
    told: list[tuple[Step | None, ClusterState]] = [(None, first), *planned_states(scenario), (None, first)]
    for step, state in told:
        wanted = {f: e for f, e in expectations(scenario, step, state, args.only).items() if not unprobeable(f)}
        rounds = 1 + args.hold if step else 1
        sent = len(round_of(tuple(wanted), state)) * rounds
        denials = any(e.verdict is Verdict.DENIED for e in wanted.values())
        attempts += sent
        seconds += sent * _ATTEMPT + (rounds * args.timeout if denials else 0)
    return _Cost(attempts=attempts, seconds=seconds)


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
