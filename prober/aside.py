"""What a scenario's journal holds beside its rounds: remarks, and evidence of what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from prober import journal
from prober.cluster.base import Cluster
from prober.errors import ClusterError
from prober.journal import Journal


class Aside:
    """Writes down one scenario's remarks, each once, and its evidence: that there is none must spoil nothing."""

    def __init__(self, cluster: Cluster, log: Journal, scenario: str) -> None:
        self._cluster = cluster
        self._log = log
        self._scenario = scenario
        self._remarked: set[str] = set()
        self._collected = False

    def remark(self, own: Sequence[str] = ()) -> None:
        """Write down what is new among the scenario's `own` remarks and the cluster's."""
        try:
            texts = tuple(self._cluster.remarks())
        except ClusterError as error:
            texts = (f"what else is in force is not known: {error}",)
        for text in (*own, *texts):
            if text not in self._remarked:
                self._remarked.add(text)
                self._log.write(journal.Remark(scenario=self._scenario, text=text))

    def collect(self, when: str) -> None:
        """Write down the cluster's evidence, once: what was in force when cells first did not agree."""
        if self._collected:
            return
        self._collected = True
        try:
            text = self._cluster.evidence()
        except ClusterError as error:
            text = f"no evidence: {error}"
        self._log.write(journal.Evidence(scenario=self._scenario, text=f"{when}:\n{text}"))
