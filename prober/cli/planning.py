"""`prober plan`: what a run would make and send, and how long it takes at least; it makes and sends nothing."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from prober.cli.choosing import asked, named, tagged
from prober.cli.output import say
from prober.durations import show_duration
from prober.expect import expectations, unprobeable
from prober.model import Addresses, ApplyPolicy, ClusterState, Flow, Topology
from prober.model.plan import planned
from prober.outcomes import Verdict
from prober.report.manifests import overview
from prober.scenario import Scenario, Step, planned_states
from prober.sharing import Share, keeps_pods, shares
from prober.terminal import many, one_line
from prober.vouching import WITNESSES, Vouching, is_witness

# What the lab costs at least beside waiting: seconds to open and close one, and per attempt (two idle cores: 0.0016)
_OPENING = 0.3
_ATTEMPT = 0.001
_AMPLE = 10  # times the least that many workloads take: on a machine where others work too
_LISTED = 12
_IN_THE_LAB = "lab: a run makes this inside its own processes and leaves nothing; it needs what `prober doctor` checks"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """The least that a scenario takes: every cell agrees in the first round."""

    attempts: int
    seconds: float


def plan(args: Namespace) -> int:
    """Say what a run with these options would make and send, topology by topology."""
    named_ones, manifests = named(args)
    scenarios = asked(tagged(named_ones, args.tag), args.only)
    say("".join(f"{line}\n" for line in _where(args)))
    if manifests:
        say("\n" + overview(manifests))
    jobs = 1 if args.namespaces else args.jobs  # given namespaces are one topology's at a time
    found = shares(scenarios, jobs)
    costs = []
    for share in found:
        theirs = list(_costs(share, args))
        costs.append(theirs)
        before: Scenario | None = None
        for scenario, cost in zip(share.scenarios, theirs, strict=True):
            say("\n" + "".join(f"{line}\n" for line in _lines(scenario, share.topology, before, cost)))
            before = scenario
    attempts = sum(c.attempts for each in costs for c in each)
    lengths = [sum(c.seconds for c in each) for each in costs]
    seconds = max(max(lengths), sum(lengths) / jobs)
    if manifests and manifests.single:
        args.budget = ample(args, seconds)
    say(
        f"\n{many(len(scenarios), 'scenario')} on {many(len(found), 'topology')}, {jobs} at once: "
        f"at least {many(attempts, 'attempt')} and {show_duration(seconds)}; "
        f"a step that does not agree takes up to {show_duration(args.settle)} longer, "
        f"a scenario at most {show_duration(args.budget)}\n"
    )
    return 0


def least(scenario: Scenario, args: Namespace) -> tuple[int, float]:
    """Return how many attempts a scenario makes at least, and how many seconds it takes at least."""
    ((cost,),) = (tuple(_costs(share, args)) for share in shares([scenario], args.jobs))
    return cost.attempts, cost.seconds


def ample(args: Namespace, seconds: float) -> float:
    """Return the budget of a scenario of many workloads, which takes so many seconds at least: the user's, if given."""
    return args.budget if "--budget" in args.given else max(args.budget, _AMPLE * seconds)  # type: ignore[no-any-return]


def _where(args: Namespace) -> Iterable[str]:
    return _on_a_cluster(args.namespaces or ()) if args.cluster == "kube" else (_IN_THE_LAB,)


def _on_a_cluster(namespaces: Sequence[str]) -> Iterator[str]:
    """Say what a run makes on any cluster beside its scenarios' own, and what its account must be allowed to do."""
    from prober.cluster.kube.access import needs

    yield "kube: nothing was asked of a cluster; addresses and times are those that the lab would have"
    yield "  first the canary, once: four pods on every node that can run them, and two policies"
    if namespaces:
        yield f"  each topology's namespaces are {', '.join(namespaces)}, in this order, one topology at a time"
        yield "  each pod is a Job, each namespace in use has a Lease;"
    else:
        yield "  each topology's namespaces get names of the run (pr-RUN-...)"
        yield "  each pod is a Job, each topology has a Lease;"
    yield f"  all of it has the label prober/run and is removed at the end{'' if namespaces else ' (--keep leaves it)'}"
    where = "in each of them" if namespaces else "in all namespaces"
    yield f"  permissions, {where} (`prober doctor --cluster kube` asks the cluster for them):"
    yield from (f"    {need}" for need in needs(namespaces))


def _lines(scenario: Scenario, topology: Topology, before: Scenario | None, cost: _Cost) -> Iterator[str]:
    policies = dict.fromkeys(a.policy.ref for s in scenario.steps for a in s.actions if isinstance(a, ApplyPolicy))
    yield one_line(f"{scenario.name} ({scenario.path}): {scenario.summary}")
    if before is None:
        yield from _made(topology)
    else:
        control = f"; the last control of {before.name} is its first" if keeps_pods(before) else ""
        yield f"  {one_line(f'takes over the topology of {before.name}{control}')}"
    yield from _listed("policies", [str(ref) for ref in policies])
    yield f"  sends at least {many(cost.attempts, 'attempt')} in {many(len(scenario.steps), 'step')}"
    yield f"  takes at least {show_duration(cost.seconds)}"


def _made(topology: Topology) -> Iterator[str]:
    state, _ = planned(topology)
    made = {
        "namespace": len(topology.namespaces),
        "pod": len(topology.pods),
        "Service": len(topology.services),
        "external host": len(topology.externals),
        "node": len(topology.nodes),
    }
    yield f"  makes {', '.join(many(n, word) for word, n in made.items() if n)}, and a resolver"
    if witnesses := sum(is_witness(p.ref) for p in topology.pods):
        yield f"  {witnesses} of these pods are witnesses, in {WITNESSES}: no policy selects them, and in each round"
        yield "  they show that the ways from node to node are up, so that what is silent is denied and not lost"
    services = [state.services[s.ref] for s in topology.services]
    yield from _listed("pods", [_placed(p.ref, p.addresses, p.node) for p in state.probe_pods()])
    yield from _listed("Services", [_placed(s.ref, s.addresses, None) for s in services])
    yield from _listed("external hosts", [_placed(e.ref, e.addresses, None) for e in state.externals.values()])


def _listed(what: str, items: list[str]) -> Iterator[str]:
    if items:
        more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
        yield f"  {what}: {', '.join(items[:_LISTED])}{more}"


def _placed(name: object, addresses: Addresses, node: int | None) -> str:
    where = [*addresses.values()] + ([f"node {node}"] if node else [])
    return f"{name} ({', '.join(where)})" if where else str(name)


def _costs(share: Share, args: Namespace) -> Iterator[_Cost]:
    """Count the rounds of each scenario of a share when everything agrees at once, as `telling` sends them."""
    first, _ = planned(share.topology)
    before: Scenario | None = None
    for scenario, heir in zip_longest(share.scenarios, share.scenarios[1:]):
        last = _wanted(scenario, None, first, args)
        if heir and keeps_pods(scenario):
            last |= _wanted(heir, None, first, args)
        states = planned_states(replace(scenario, topology=share.topology))
        told = [(_wanted(scenario, step, state, args), state, 1 + args.hold) for step, state in states]
        told.append((last, first, 1))
        if before is None or not keeps_pods(before):
            told.append((_wanted(scenario, None, first, args), first, 1))
        attempts, seconds = 0, _OPENING if before is None else 0.0
        for wanted, state, rounds in told:
            sent = len(Vouching(state).round_of(tuple(wanted))) * rounds
            attempts += sent
            seconds += sent * _ATTEMPT + (rounds * args.timeout if Verdict.DENIED in wanted.values() else 0)
        before = scenario
        yield _Cost(attempts=attempts, seconds=seconds)


def _wanted(scenario: Scenario, step: Step | None, state: ClusterState, args: Namespace) -> dict[Flow, Verdict]:
    found = expectations(scenario, step, state, args.only)
    return {f: e.verdict for f, e in found.items() if not unprobeable(f)}
