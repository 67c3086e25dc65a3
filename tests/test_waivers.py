"""Tests of prober.waivers, of the schema that ships with it and of the profiles."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
import yaml

from prober.cluster.kube.engines import KNOWN
from prober.errors import InputError, UsageError
from prober.outcomes import Status, Trait
from prober.waivers import DEVIATIONS, NEVER, PROFILE, Waiver, all_of, profile, profiles, read

WHOLE = """\
waivers:
  - id: ipblock-pods
    cells: [any -> payments/any, "shop/a -> payments/db:5432"]
    traits: ipblock-pod
    statuses: [break, FLAKY]
    scenarios: ["*/external-*.scenario.yaml"]
    reason: the engine knows pods by identity
    owner: team network
    expires: 2027-01-31
    engine: Cilium
    sources: [https://example.org/1]
"""
LEAST = "waivers: [{id: a, cells: a/b -> c/d:80, reason: r, owner: o, expires: 2027-01-31}]"


def schema() -> dict[str, Any]:
    return json.loads(files("prober").joinpath("waivers.schema.json").read_text())  # type: ignore[no-any-return]


def fits(text: str) -> bool:
    try:
        jsonschema.validate(yaml.load(text, Loader=yaml.BaseLoader), schema())  # noqa: S506 - all scalars as text
    except jsonschema.ValidationError:
        return False
    return True


def test_every_key_is_read() -> None:
    """A waiver says which cells, which of their deviations, where, on what engine, why, who and until when."""
    (found,) = read(WHOLE, "w.yaml")

    assert ("ipblock-pods", "w.yaml", "team network", "2027-01-31") == (
        found.id,
        found.file,
        found.owner,
        found.expires,
    )
    assert ["any -> payments/any", "shop/a -> payments/db:5432"] == [str(c) for c in found.cells]
    assert ((Trait.IPBLOCK_POD,), (Status.BREAK, Status.FLAKY)) == (found.traits, found.statuses)
    assert ("Cilium", ("*/external-*.scenario.yaml",)) == (found.engine, found.scenarios)
    assert fits(WHOLE.replace("FLAKY", "flaky"))


def test_least_is_an_id_cells_and_the_three_words() -> None:
    """Without more it waives every deviation of its cells, in every scenario and on every engine."""
    (found,) = read(LEAST, "w.yaml")

    assert (DEVIATIONS, (), "", ()) == (found.statuses, found.traits, found.engine, found.scenarios)
    assert fits(LEAST)


def lacking(key: str) -> str:
    return "".join(line for line in WHOLE.splitlines(keepends=True) if not line.strip().startswith(f"{key}:"))


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        pytest.param("w.yaml: the file is empty", "", id="empty"),
        pytest.param("w.yaml:1: `waivers` is missing; add it", "{}", id="no-waivers"),
        pytest.param("waivers: nothing stands in it", "waivers: []", id="none"),
        pytest.param("w.yaml:2: waivers[0]: `id` is missing", changed("id: ipblock-pods\n    ", ""), id="no-id"),
        pytest.param("is no id; write lower-case", changed("id: ipblock-pods", "id: IpBlock"), id="id"),
        pytest.param("`reason` is missing", lacking("reason"), id="reason"),
        pytest.param("`owner` is missing", lacking("owner"), id="owner"),
        pytest.param("`expires` is missing", lacking("expires"), id="expires"),
        pytest.param(
            "w.yaml:9: waivers[0].expires: `31.1.2027` is no day; write the last day on which it",
            changed("2027-01-31", "31.1.2027"),
            id="day",
        ),
        pytest.param("`2027-13-01` is no day", changed("2027-01-31", "2027-13-01"), id="month"),
        pytest.param("a waiver without an end is forgotten", changed("2027-01-31", "never"), id="never"),
        pytest.param("waivers[0].cells[1]: there is no",
                     changed('"shop/a -> payments/db:5432"', "shop/a"), id="cell"),
        pytest.param("waivers[0].traits: `ipblock-pods` is no trait; did you mean `ipblock-pod`?",
                     changed("traits: ipblock-pod", "traits: ipblock-pods"), id="trait"),
        pytest.param("`unknown` cannot be waived; one of leak, break, flaky", changed("break", "unknown"), id="status"),
        pytest.param("waivers[0].owners: unknown key; did you mean `owner`?", changed("owner:", "owners:"), id="key"),
        pytest.param("names neither `cells` nor `traits`", LEAST.replace("cells: a/b -> c/d:80, ", ""), id="no-cells"),
        pytest.param("cells: nothing stands in it", LEAST.replace("a/b -> c/d:80", "[]"), id="cells-empty"),
    ],
)  # fmt: skip
def test_mistake_has_its_place_and_its_remedy(message: str, text: str) -> None:
    """What is wrong is told with file, line and key, and with what to write instead; the schema refuses it too."""
    with pytest.raises(InputError) as caught:
        read(text, "w.yaml")

    assert message in str(caught.value)
    assert 1 == len(caught.value.mistakes)
    if "there is no" not in message:  # what a flow is no pattern can say
        assert not text or not fits(text)


def test_all_mistakes_of_all_files_come_at_once() -> None:
    """Two files with a mistake each are two mistakes."""
    with pytest.raises(InputError) as caught:
        all_of([("a.yaml", "waivers: []"), ("b.yaml", changed("2027-01-31", "soon"))])

    assert ["a.yaml", "b.yaml"] == [m.file for m in caught.value.mistakes]


def test_id_stands_once_in_a_file() -> None:
    """A second waiver of the same id is a mistake that names the first one's line."""
    with pytest.raises(InputError, match="the id ipblock-pods stands in line 2 too; give each waiver its own"):
        read(WHOLE + WHOLE.removeprefix("waivers:\n"), "w.yaml")


@pytest.mark.parametrize(
    ("expected", "day"),
    [(False, "2027-01-30"), (False, "2027-01-31"), (True, "2027-02-01"), (True, "2028-01-01")],
)
def test_waiver_holds_through_its_last_day(expected: bool, day: str) -> None:
    """The day that it names is the last on which it holds."""
    assert expected == read(LEAST, "w.yaml")[0].expired(day)


@pytest.mark.parametrize(
    ("expected", "path"),
    [
        (True, "scenarios/external-egress.scenario.yaml"),
        (True, "/abs/scenarios/external-1.scenario.yaml"),
        (False, "scenarios/egress.scenario.yaml"),
    ],
)
def test_scenarios_are_chosen_by_their_path(expected: bool, path: str) -> None:
    """Patterns are as a shell writes them."""
    assert expected == read(WHOLE, "w.yaml")[0].covers(path)


def test_schema_knows_every_word() -> None:
    """The schema's closed sets are those of the code, and every key has a description for editors."""
    found = schema()
    jsonschema.Draft202012Validator.check_schema(found)

    assert [*Trait] == found["$defs"]["trait"]["enum"]
    assert [s.lower() for s in DEVIATIONS] == found["$defs"]["status"]["enum"]
    assert all("description" in p for p in found["$defs"]["waiver"]["properties"].values())


@pytest.mark.parametrize("name", profiles())
def test_profile_is_sound(name: str) -> None:
    """Every shipped waiver is of one engine that the evidence can name, says which deviations, and has its sources."""
    text = profile(name)
    waivers = read(text, PROFILE + name)
    sources = [one["sources"] for one in yaml.safe_load(text)["waivers"]]

    assert {NEVER} == {w.expires for w in waivers}
    assert all(w.statuses != DEVIATIONS and w.traits for w in waivers)
    assert {w.engine for w in waivers} <= {k.name for k in KNOWN}
    assert all(link.startswith("https://") for links in sources for link in links)


def test_unknown_profile_names_the_known_ones() -> None:
    """A profile that there is not is told with those that there are."""
    with pytest.raises(UsageError, match="did you mean `cilium`"):
        profile("cillium")
    with pytest.raises(UsageError, match="profiles: antrea, aws-vpc-cni, cilium, kube-router, ovn-kubernetes"):
        profile("x")


def test_waiver_can_be_made_without_a_file() -> None:
    """All that is not said means everything."""
    assert Waiver(id="a", file="f", reason="r", owner="o", expires=NEVER).covers("any/path")
