"""A cluster as its users see it: made or joined, asked through the API server, steered through its control socket."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.kube import addresses, daemons, needs, objects, presence
from tests.kube.api import TROUBLE, Api, Json
from tests.kube.build import cache, locked, programs
from tests.kube.images import archives
from tests.kube.presence import until
from tests.kube.settings import Engine, Plan, Settings


class ClusterFailedError(Exception):
    """The cluster does not do what it should: says what, and what its daemons said last."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """One of the cluster's daemons, to be stopped, started or paused by a test."""

    cluster: Cluster
    name: str

    def stop(self) -> None:
        """Kill it; it stays away until `start`."""
        self.cluster.disturbed = True
        self.cluster.ask(do="stop", name=self.name)

    def start(self) -> None:
        """Start it again as it was started first; the API server is ready when this returns."""
        self.cluster.ask(do="start", name=self.name)

    def pause(self) -> None:
        """Stop it by SIGSTOP: it holds its connections and answers nobody."""
        self.cluster.disturbed = True
        self.cluster.ask(do="pause", name=self.name)

    def resume(self) -> None:
        self.cluster.ask(do="resume", name=self.name)


class Cluster:
    """A cluster that runs; it ends when the last object that uses it is closed, or its process is gone.

    A cluster of that name that runs already is joined; without a name it is a new one.
    """

    def __init__(self, settings: Settings | None = None, *, name: str = "", lasting: bool = False) -> None:
        needs.require()
        self.name = name or secrets.token_hex(4)
        self._users: int | None = None
        self.disturbed = False  # a daemon was stopped or paused since the cluster was as it began
        with locked(cache() / "start.lock"):
            plan = presence.running(self.name)
            self._users = None if plan is None else presence.join(plan)
            if plan is None or self._users is None:
                plan = self._begin(settings or Settings(), lasting=lasting)
            self.plan = plan
            try:
                if settings is not None and plan.settings.engine is not settings.engine:
                    raise ClusterFailedError(f"cluster {self.name} runs already, with engine {plan.settings.engine}")
                self._await_ready()
            except BaseException:
                self.close()
                raise

    @property
    def kubeconfig(self) -> Path:
        return self.plan.kubeconfig

    @property
    def context(self) -> str:
        """The only context of the kubeconfig."""
        return self.plan.name

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(addresses.node_name(n + 1) for n in range(self.plan.settings.nodes))

    @property
    def api_server(self) -> Daemon:
        return Daemon(self, daemons.API_SERVER)

    def daemon(self, name: str) -> Daemon:
        """Return a daemon by its name in `processes`: `kubelet-n1`, `agent-n2`."""
        return Daemon(self, name)

    def api(self, *, timeout: float = 10.0) -> Api:
        """Return a new client of the API server, for one thread."""
        return Api.of(self.kubeconfig, timeout=timeout)

    def enforce(self, *, deny: str = "drop", fault: str = "", blind: str = "", nodes: Sequence[str] = ()) -> None:
        """Restart the agents of these nodes, or of all, and wait until they enforce again.

        `fault` is how they lie; `blind` is the address family that they do not know: `ipv6`.
        """
        if self.plan.settings.engine is not Engine.NFT:
            raise ClusterFailedError(f"cluster {self.name} has engine {self.plan.settings.engine}, and no agents")
        for node in nodes or self.nodes:
            self.ask(do="agent", node=node, deny=deny, fault=fault, blind=blind)

    def processes(self) -> dict[str, int]:
        """Return the daemons that run, with the process number that each has inside."""
        found: dict[str, int] = self.ask(do="list")
        return found

    def ended(self) -> dict[str, int]:
        """Return the exit status of every daemon that runs no more; -9 for one that was stopped."""
        found: dict[str, int] = self.ask(do="ended")
        return found

    def recover(self) -> dict[str, int]:
        """Make the cluster as it began: all daemons run, the agents enforce, and nodes that were disturbed are Ready.

        Return the exit status of each daemon that had ended.
        """
        for name in self.processes():
            self.daemon(name).resume()
        ended = self.ended()
        for name in ended:
            self.daemon(name).start()
        self.enforce()
        if self.disturbed:
            self._refresh()
            self.disturbed = False
        return ended

    def _refresh(self) -> None:
        """Let all that ask the API server begin again: after an outage they wait up to a minute until they do.

        And what it says of their nodes may be of before, and change later.
        """
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        of_nodes = (f"{kind}-{node}" for node in self.nodes for kind in (daemons.KUBELET, daemons.PROXY))
        for name in (daemons.CONTROLLERS, daemons.SCHEDULER, *of_nodes):
            self.daemon(name).stop()
            self.daemon(name).start()
        with self.api() as api:
            until(lambda: all(_usable(n, since) for n in _all_nodes(api, self.nodes)), "pods to be let onto all nodes")

    def run(self, place: str, *command: str, text: str = "") -> tuple[int, str]:
        """Run a quick command in a node (`n1`) or in the `switch`; return its exit status and what it said."""
        status, said = self.ask(do="run", place=place, command=command, text=text)
        return int(status), str(said)

    def exec(self, pod: Any, *command: str) -> tuple[int, str]:
        """Run a quick command in a pod's container, past the API server; return its exit status and what it said."""
        where = {"node": pod["spec"]["nodeName"], "container": objects.container_id(pod)}
        status, said = self.ask(do="exec", **where, command=command)
        return int(status), str(said)

    def serve(self, port: int) -> None:
        """Let the external host take TCP connections on a port, by both families, and close them at once."""
        self.ask(do="serve", port=port)

    def logs(self, lines: int = 30) -> str:
        """Return the end of every log."""
        texts = [
            f"# {file.name}\n" + "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
            for file in sorted(self.plan.logs.glob("*.log"))
            if file.stat().st_size
        ]
        return "\n\n".join(texts)

    def ask(self, **order: Any) -> Any:
        """Send one request to the cluster's first process; ClusterFailedError says why it could not do it."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(presence.PATIENCE)
            try:
                control.connect(str(self.plan.control))
                with control.makefile("rw") as stream:
                    stream.write(json.dumps(order) + "\n")
                    stream.flush()
                    line = stream.readline()
            except OSError as error:
                raise ClusterFailedError(f"cluster {self.name} does not answer: {error}") from error
        answer = json.loads(line or '{"error": "it ended"}')
        if "error" in answer:
            raise ClusterFailedError(f"cluster {self.name}: {order}: {answer['error']}")
        return answer["ok"]

    def close(self) -> None:
        """Let go of the cluster, and wait for its end where nobody else uses it."""
        if self._users is not None:
            users, self._users = self._users, None
            presence.leave(self.plan, users)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, settings: Settings, *, lasting: bool) -> Plan:
        """Start the keeper, which starts all the others."""
        presence.sweep()
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            port = door.getsockname()[1]
        plan = Plan(
            name=self.name,
            settings=settings,
            port=port,
            binaries=programs(),
            images=archives(),
            lasting=lasting,
        )
        plan.logs.mkdir(parents=True)
        plan.folder.chmod(0o700)
        plan.file.write_text(plan.text())
        self._users = presence.join(plan)
        root = needs.HERE.parent.parent
        with (plan.logs / "keeper.log").open("wb") as log:
            subprocess.run(
                [sys.executable, "-m", "tests.kube.keeper", plan.text()],
                cwd=root,
                # inside, /run is the cluster's own, so what is temporary goes with it
                env={"PATH": needs.PATH, "PYTHONPATH": str(root), "LC_ALL": "C.UTF-8", "TMPDIR": "/run"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                check=True,
            )
        return plan

    def _await_ready(self) -> None:
        """Wait until everybody could use the cluster: daemons up, DNS answers on every node, nodes Ready."""
        plan = self.plan
        try:
            until(lambda: plan.control.exists() or not presence.running(self.name), "the keeper to begin")
            self.ask(do="list")  # answered when everything has been started
            with self.api() as api:
                for thing in yaml.safe_load_all((needs.HERE / "coredns.yaml").read_text()):
                    objects.create(api, thing)
                until(lambda: all(map(_usable, _all_nodes(api, self.nodes))), "pods to be let onto all nodes")
            for node in self.nodes:
                until(lambda node=node: self._answers(node), f"DNS to answer on {node}")  # type: ignore[misc]
        except (ClusterFailedError, TimeoutError, *TROUBLE) as error:
            reason = plan.failure.read_text() if plan.failure.exists() else str(error)
            raise ClusterFailedError(f"cluster {self.name} did not come up: {reason}\n{self.logs()}") from error

    def _answers(self, node: str) -> bool:
        name = "kubernetes.default.svc.cluster.local"
        asking = [("dig", "+short", "+tries=1", "+time=1", f"@{address}", name) for address in addresses.DNS]
        return all(addresses.API_SERVICE in self.run(node, *command)[1] for command in asking)


def _usable(node: Json, since: str = "") -> bool:
    """Say whether pods can run on a node: a controller takes its taint away only after it is Ready."""
    return objects.ready(node, since) and not node["spec"].get("taints")


def _all_nodes(api: Api, names: Sequence[str]) -> Sequence[Any]:
    """Return the nodes, a name that has not registered yet as one that is not Ready."""
    known = {node["metadata"]["name"]: node for node in api.get("/api/v1/nodes")["items"]}
    return [known.get(name, {"status": {}, "spec": {}}) for name in names]
