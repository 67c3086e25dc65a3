"""Results of every shape, for properties that must hold whatever was seen."""

from __future__ import annotations

from hypothesis import strategies as st

from prober.evidence import (
    Author,
    ClockOffset,
    EngineOnNode,
    Evidence,
    Identified,
    Image,
    NamespaceFacts,
    NodeFacts,
    ProbeImage,
    StoredPolicy,
)
from prober.model import (
    ApiServerRef,
    ExternalRef,
    Family,
    Flow,
    HostName,
    Lookup,
    NodeRef,
    PodRef,
    Protocol,
    ServiceRef,
    Source,
    Target,
)
from prober.outcomes import Outcome, Status, Verdict
from prober.result import CellResult, ReadingResult, RunResult, ScenarioResult, StepResult, WaiverResult, WaiverState

# what files and pods may say: control characters, lone surrogates and all
texts = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["", "a -> b", "\x00\x1b[31m", "]]>", "\ud800", "<&\r\n\t>"]
)
seconds = st.floats(min_value=0, max_value=1e9, allow_nan=False)
counts = st.integers(min_value=0, max_value=10_000)
names = st.sampled_from(["api", "web", "postgres", "a-1", "x0"])
pods = st.builds(PodRef, names, names)


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """Return a flow that can be written, to any kind of target."""
    port, protocol = draw(st.integers(1, 65535)), draw(st.sampled_from(Protocol))
    target: Target = draw(
        pods
        | st.builds(ServiceRef, names, names)
        | st.builds(HostName, st.sampled_from(["db.payments", "db"]))
        | st.builds(ExternalRef, names)
        | st.builds(NodeRef, st.integers(1, 31))
        | st.builds(Lookup, st.sampled_from(["db.payments.svc.cluster.local", "db"]))
        | st.just(ApiServerRef())
    )
    match target:
        case Lookup():
            port, protocol = 53, draw(st.sampled_from([Protocol.UDP, Protocol.TCP]))
        case ApiServerRef():
            port, protocol = 443, Protocol.TCP
    source: Source = draw(pods | st.builds(ExternalRef, names) if isinstance(target, PodRef) else pods)
    return Flow(source=source, target=target, port=port, protocol=protocol, family=draw(st.sampled_from(Family)))


readings = st.builds(
    ReadingResult,
    round=counts,
    after=st.none() | seconds,
    seconds=seconds,
    outcome=st.sampled_from(Outcome),
    verdict=st.sampled_from(Verdict),
    doubt=texts,
    text=texts,
)
cells = st.builds(
    CellResult,
    flow=flows(),
    expected=st.sampled_from(Verdict),
    by=texts,
    observed=st.sampled_from(Verdict),
    outcome=st.none() | st.sampled_from(Outcome),
    status=st.sampled_from(Status),
    reason=texts,
    judgement=texts,
    attempts=counts,
    agreed_after=st.none() | seconds,
    command=texts,
    waiver=texts,
    readings=st.lists(readings, max_size=2).map(tuple),
)
steps = st.builds(
    StepResult,
    name=texts,
    kind=st.sampled_from(["control", "step", "restore"]),
    actions=st.lists(texts, max_size=2).map(tuple),
    cells=st.lists(cells, max_size=3).map(tuple),
    witnessed=st.booleans(),
    rounds=counts,
    seconds=seconds,
)
scenarios = st.builds(
    ScenarioResult,
    name=texts,
    path=texts,
    summary=texts,
    tags=st.lists(texts, max_size=2).map(tuple),
    steps=st.lists(steps, max_size=3).map(tuple),
    skipped=texts,
    trouble=texts,
    remarks=st.lists(texts, max_size=2).map(tuple),
    evidence=texts,
    took_over=texts,
    given_up=texts,
    seconds=seconds,
)
wholes: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries({"a": texts, "b": st.lists(counts, max_size=2)})
evidence = st.builds(
    Evidence,
    cluster=st.builds(Identified, uid=texts, server=texts, context=texts, version=texts),
    by=st.builds(Author, user=texts, groups=st.lists(texts, max_size=2).map(tuple), host=texts, command=texts),
    tools=st.dictionaries(texts, texts, max_size=2),
    started=texts,
    ended=texts,
    nodes=st.lists(
        st.builds(NodeFacts, name=texts, number=st.none() | counts, pods=counts, why=texts, kernel=texts), max_size=2
    ).map(tuple),
    namespaces=st.lists(st.builds(NamespaceFacts, name=texts, why=texts), max_size=2).map(tuple),
    engines=st.lists(
        st.builds(
            EngineOnNode,
            node=texts,
            engine=texts,
            pod=texts,
            ready=st.booleans(),
            images=st.lists(st.builds(Image, container=texts, image=texts, digest=texts), max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    images=st.lists(st.builds(ProbeImage, digest=texts, pods=counts), max_size=2).map(tuple),
    policies=st.lists(
        st.builds(
            StoredPolicy,
            scenario=texts,
            step=counts,
            policy=texts,
            sha256=st.sampled_from(["0" * 64, "f" * 64]),
            stored=wholes,
        ),
        max_size=2,
    ).map(tuple),
    clocks=st.lists(
        st.builds(ClockOffset, scenario=texts, source=texts, offset=seconds, spread=seconds), max_size=2
    ).map(tuple),
    unknown=st.lists(texts, max_size=2).map(tuple),
)
waivers = st.builds(
    WaiverResult,
    id=texts,
    file=texts | st.just("profile:cilium"),
    reason=texts,
    owner=texts,
    expires=texts,
    engine=texts,
    state=st.sampled_from(WaiverState),
    cells=counts,
)
runs = st.builds(
    RunResult,
    run=texts,
    version=texts,
    cluster=texts | st.just("lab"),
    started=texts,
    seconds=seconds,
    nodes=counts,
    settings=st.dictionaries(texts, texts, max_size=3).map(lambda d: tuple(d.items())),
    scenarios=st.lists(scenarios, max_size=3).map(tuple),
    interrupted=st.booleans(),
    trouble=texts,
    evidence=evidence,
    waivers=st.lists(waivers, max_size=2).map(tuple),
    remarks=st.lists(texts, max_size=2).map(tuple),
)
