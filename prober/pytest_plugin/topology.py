"""The fluent API of tests in Python: pods and policies put down call by call, and each assertion a whole proof.

What it puts together is a scenario file, written beside the journals; nothing is read or judged here.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from prober.errors import InputError, Mistake
from prober.flows import parse_pattern
from prober.model import Flow
from prober.outcomes import Status, Verdict
from prober.pytest_plugin.proving import Prover
from prober.result import StepResult
from prober.scenario import SUFFIX, Said, Scenario, check, loads, planned_states

Labels = Mapping[str, str]
Port = int | str | Mapping[str, Any]  # 8080, "53/udp", {"port": 5432, "name": "sql"}: as a scenario file writes it
Manifest = str | Path | Mapping[str, Any]  # YAML text, a file beside the test, or what that YAML would say

_FILES = (".yaml", ".yml", ".json")
_FINDS: Mapping[Said, Verdict] = {"denied": Verdict.DENIED, "allowed": Verdict.ALLOWED}


class TopologyUnderTest:
    """Pods and namespaces, what is done to them, and what must be so: the fixture `prober_topology`.

    Whatever comes before the first `apply`, `delete`, `label` or `remove` is there from the beginning; each call after
    that is a step. An assertion tells the whole story on a fresh topology: a control before any policy, every step, and
    a control after the last, so that none passes without both.
    """

    def __init__(self, prover: Prover, *, name: str, beside: Path) -> None:
        self._prover = prover
        self._name = name
        self._beside = beside
        self._texts: dict[str, str] = {}  # manifests by the name under which the scenario applies them
        self._origin: dict[str, str] = {}  # that name -> the file that the test named
        self._document: dict[str, Any] = {"summary": name, "namespaces": {}, "pods": {}, "steps": []}
        self._steps: list[dict[str, Any]] = self._document["steps"]
        self._asserted = True  # there is nothing yet
        self._proved: dict[Flow, Verdict] = {}  # by the last assertion that held, since when nothing was done
        self._step: StepResult | None = None

    def namespace(self, name: str, *, labels: Labels | None = None) -> Self:
        """Declare a namespace; a pod's is declared with it, without labels."""
        self._document["namespaces"][name] = {"labels": dict(labels)} if labels else {}
        return self._changed()

    def pod(
        self,
        name: str,
        *,
        ports: Sequence[Port] = (),
        labels: Labels | None = None,
        node: int | None = None,
        host_network: bool = False,
    ) -> Self:
        """Add the pod `namespace/name`, which listens on its ports; node 1 and node 2 are always there."""
        said = {"ports": [*ports], "labels": dict(labels or {}), "node": node, "hostNetwork": host_network}
        pod = {key: value for key, value in said.items() if value}
        if self._steps:
            return self._did("add", {name: pod})
        self._document["namespaces"].setdefault(name.partition("/")[0], {})
        self._document["pods"][name] = pod
        return self._changed()

    def service(self, name: str, *, selector: Labels, ports: Sequence[Port] = (), headless: bool = False) -> Self:
        """Add the Service `namespace/name` before the pods that it selects are ready."""
        said = {"selector": dict(selector), "ports": [*ports], "headless": headless}
        self._document.setdefault("services", {})[name] = {key: value for key, value in said.items() if value}
        return self._changed()

    def external(self, name: str, *, ports: Sequence[Port]) -> Self:
        """Add a host outside: the lab makes it, a real cluster's is given by `--prober-external NAME=IP:PORT`."""
        self._document.setdefault("external", {})[name] = {"ports": [*ports]}
        return self._changed()

    def apply(self, *manifests: Manifest) -> Self:
        """Create or replace policies: YAML text, files named as seen from the test's directory, or mappings."""
        __tracebackhide__ = True
        try:
            found = [self._manifest(m) for m in manifests]
        except ValueError as error:
            wrong = str(error)
        else:
            return self._did("apply", found)
        pytest.fail(wrong)

    def delete(self, *policies: str) -> Self:
        """Delete policies: `namespace/name`, `namespace/any` or `any`."""
        return self._did("delete", [*policies])

    def label(
        self,
        *,
        pods: Mapping[str, Mapping[str, str | None]] | None = None,
        namespaces: Mapping[str, Mapping[str, str | None]] | None = None,
    ) -> Self:
        """Change labels, by the name of the pod or the namespace; None removes one."""
        said = {"pods": pods, "namespaces": namespaces}
        return self._did(
            "label", {k: {name: dict(v) for name, v in which.items()} for k, which in said.items() if which}
        )

    def remove(self, *pods: str) -> Self:
        """Remove pods."""
        return self._did("remove", [*pods])

    def assert_enforced(self, *, denied: Sequence[str] = (), allowed: Sequence[str] = ()) -> StepResult:
        """Prove that every pod reaches on every declared port whom it may, and nobody else.

        `denied` and `allowed` are flows that you expect besides; one that the specification contradicts fails before a
        packet is sent. Returns the step that was proved last: its cells, and how long it took to enforce.
        AssertionError with the matrix, the cells and the cluster's evidence where anything is not proved.
        """
        __tracebackhide__ = True
        step = self._now()
        for said, flows in (("denied", denied), ("allowed", allowed)):
            if flows:
                expect = step.setdefault("expect", {})
                expect[said] = [*dict.fromkeys((*expect.get(said, ()), *flows))]
        scenario = self._scenario()
        self._asserted = True
        if self._step is None or not self._holds(scenario, {"denied": denied, "allowed": allowed}):
            self._step = None
            found = self._prover.require(scenario)
            self._step = [s for s in found.steps if s.kind == "step"][-1]
            self._proved = {c.flow: c.expected for c in self._step.cells if c.status is Status.PASS}
        return self._step

    def assert_denied(self, *flows: str) -> StepResult:
        """Prove what `assert_enforced` proves, and that these flows are denied."""
        __tracebackhide__ = True
        return self.assert_enforced(denied=flows)

    def assert_allowed(self, *flows: str) -> StepResult:
        """Prove what `assert_enforced` proves, and that these flows are allowed."""
        __tracebackhide__ = True
        return self.assert_enforced(allowed=flows)

    def require_asserted(self) -> None:
        """Fail where something was put down that no assertion has proved since."""
        __tracebackhide__ = True
        if not self._asserted:
            pytest.fail(
                "nothing was proved since the last change of prober_topology: call assert_enforced()", pytrace=False
            )

    def _changed(self) -> Self:
        self._asserted, self._step, self._proved = False, None, {}
        return self

    def _did(self, what: str, value: object) -> Self:
        before = sum(what in step for step in self._steps)
        self._steps.append({"name": f"{what} ({before + 1})" if before else what, what: value})
        return self._changed()

    def _now(self) -> dict[str, Any]:
        """Return the step that an assertion speaks of; before anything was done everything is open."""
        if not self._steps:
            self._steps.append({"name": "no policy", "expect": {"allowed": ["any -> any"]}})
        return self._steps[-1]

    def _manifest(self, manifest: Manifest) -> object:
        match manifest:
            case Mapping():
                return dict(manifest)
            case Path():
                return self._kept(manifest.name, self._read(manifest), str(manifest))
            case str() if manifest.endswith(_FILES) and "\n" not in manifest:
                return self._manifest(Path(manifest))
            case _:
                return self._kept("policy.yaml", textwrap.dedent(manifest), "")

    def _read(self, file: Path) -> str:
        try:
            return (self._beside / file).read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{file}: {error.strerror}; name a file as seen from {self._beside}") from None

    def _kept(self, name: str, text: str, origin: str) -> str:
        """Keep a manifest's text for the scenario; return the name under which it is beside it."""
        kept = f"{len(self._texts) + 1}-{name}"
        self._texts[kept] = text
        self._origin[kept] = origin
        return kept

    def _scenario(self) -> Scenario:
        """Write the scenario and read it, as any scenario is read; its mistakes fail the test."""
        __tracebackhide__ = True
        place = self._prover.new_file(self._name, "")
        place.mkdir()
        path = place / f"{place.name}{SUFFIX}"
        texts = {str(path): json.dumps(self._document, indent=2, ensure_ascii=False)}
        texts |= {str(place / name): text for name, text in self._texts.items()}
        for file, text in texts.items():
            Path(file).write_text(text, encoding="utf-8")
        try:
            scenario = loads(texts, str(path))
            mistakes = check(scenario)
        except InputError as error:
            mistakes = error.mistakes
        if mistakes:
            pytest.fail("\n".join(str(self._where(m)) for m in mistakes))
        return scenario

    def _where(self, mistake: Mistake) -> Mistake:
        origin = self._origin.get(Path(mistake.file).name)
        return replace(mistake, file=origin) if origin else mistake

    def _holds(self, scenario: Scenario, said: Mapping[Said, Sequence[str]]) -> bool:
        """Say whether the last assertion proved these flows already, for nothing was done since."""
        *_, (_, state) = planned_states(scenario)
        families = scenario.families_in(state)
        return all(
            self._proved.get(flow) is _FINDS[ruling]
            for ruling, texts in said.items()
            for text in texts
            for flow in parse_pattern(text).expand(state, families)
        )
