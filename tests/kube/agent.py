"""A policy engine for one node: watches the API server, compiles with the lab's compiler, loads; lies on request.

It runs in the node's network namespace. Services are kube-proxy's; here, a packet's target is a pod already.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from prober.cluster.lab import orders
from prober.cluster.lab.enforce import Enforcement, Nft
from prober.cluster.lab.faults import Fault, distorted, parse_fault
from prober.cluster.lab.orders import Regime
from prober.model import ClusterState, Family
from tests.kube.api import METADATA, TROUBLE, Api
from tests.kube.needs import PATH, program
from tests.kube.reading import state_of
from tests.kube.selecting import resolved
from tests.kube.watching import Store

_PODS, _NAMESPACES = "/api/v1/pods", "/api/v1/namespaces"
_POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
_TABLE = re.compile(r"^table inet prober_policies_(\d+)$", re.MULTILINE)
_AGAIN = 0.3  # seconds until the API server is asked again


def main() -> None:
    """Enforce until the process is killed; the rules stay, as those of any engine that dies."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--node", required=True)
    parser.add_argument("--deny", default="drop")
    parser.add_argument("--fault", type=parse_fault)
    parser.add_argument("--blind", type=Family, help="the address family that it does not know, as old engines do not")
    parser.add_argument("--ready", type=Path, required=True, help="made when the first rules have been loaded")
    options = parser.parse_args()
    agent = _Agent(Api.of(options.kubeconfig), options.deny, options.fault)
    changed = threading.Event()
    stores = {path: Store(Api.of(options.kubeconfig), path, changed) for path in (_PODS, _NAMESPACES, _POLICIES)}
    for store in stores.values():
        threading.Thread(target=store.follow, daemon=True).start()
    for store in stores.values():
        store.listed.wait()
    again = True
    while True:
        if changed.is_set() or again:
            changed.clear()
            things = {path: store.things() for path, store in stores.items()}
            try:
                state = state_of(things[_PODS], things[_NAMESPACES], things[_POLICIES], options.node)
                agent.enforce(_without(state, options.blind))
                again = False
                options.ready.touch()
            except TROUBLE as error:
                print(f"asking again: {error}", flush=True)
                again = True
        pause = agent.tick()
        changed.wait(min(pause, _AGAIN) if again and pause is not None else _AGAIN if again else pause)


def _without(state: ClusterState, family: Family | None) -> ClusterState:
    """Return the state as who does not know a family sees it: no pod has an address of it."""
    pods = {
        ref: replace(pod, addresses={f: address for f, address in pod.addresses.items() if f is not family})
        for ref, pod in state.pods.items()
    }
    return replace(state, pods=pods)


class _Agent:
    """The rules of one node: what is in force, and what comes next."""

    def __init__(self, api: Api, deny: str, fault: Fault | None) -> None:
        self._api = api
        nft = program("nft")
        self._enforcement = Enforcement(Nft(nft, {"PATH": PATH, "LC_ALL": "C"}, lambda _: None))
        # what an agent before this one has left stays in force until the first rules replace it
        tables = subprocess.run([nft, "list", "tables"], check=True, capture_output=True, text=True).stdout
        generation = max((int(number) + 1 for number in _TABLE.findall(tables)), default=0)
        self._regime = Regime(deny=deny, fault=fault, policies=generation)
        self._last: ClusterState | None = None

    def enforce(self, state: ClusterState) -> None:
        """Put the rules for a state in force, unless they are."""
        (mine,) = state.nodes
        # The fault first: one that is about selectors must change what is asked.
        policies = distorted(tuple(state.policies.values()), self._regime.fault, mine.number)
        state = resolved(replace(state, policies={p.ref: p for p in policies}), self._ask)
        if state == self._last:
            return
        change = orders.deciding(state, "", self._regime, translate=False)
        self._enforcement.put(
            change["policies"],
            [],
            delay=change["delay"],
            turns=change["turns"],
            outage=change["outage"],
            meanwhile=lambda: None,
        )
        print(f"generation {self._regime.policies}: {len(policies)} policies, {len(state.pods)} pods", flush=True)
        self._regime = self._regime.after(change)
        self._last = state

    def tick(self) -> float | None:
        """Do what is due; return the seconds until something is."""
        self._enforcement.tick()
        if self._enforcement.problem:
            raise RuntimeError(self._enforcement.problem)
        return self._enforcement.pause()

    def _ask(self, path: str, selector: str) -> Iterable[tuple[str, str]]:
        found = (
            self._api.get(path, {"labelSelector": selector}, accept=METADATA)["items"] or ()
        )  # null where there is none
        return [(thing["metadata"].get("namespace", ""), thing["metadata"]["name"]) for thing in found]


if __name__ == "__main__":
    main()
