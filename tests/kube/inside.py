"""The first process of the cluster's process namespace: brings everything up, then starts and stops on request.

When it ends, the kernel ends all others in the namespace, and with the last of them go the mounts and the networks.

    1 leave the host's mounts and network; the switch is made
    2 keys and kubeconfigs; etcd and the API server begin to start
    3 each node: namespaces, a cable to the switch, containerd, the images
    4 the API server is ready: controllers, scheduler, kubelets, proxies, agents
    5 serve requests, one line of JSON each, until the end
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tests.kube import addresses, daemons, housing, pki
from tests.kube.api import Api
from tests.kube.daemons import AGENT, API_SERVER, CONTAINERD, ETCD, Command
from tests.kube.needs import program
from tests.kube.processes import Place, Processes, TroubleError, forked
from tests.kube.settings import Engine, Plan

_API_SOCKET = "/run/api.sock"
_SECONDS = 60.0  # for any one condition, on a machine where others work too


@dataclass(slots=True, kw_only=True)
class _Cluster:
    """What there is: processes, places to run in, and how each daemon is started."""

    plan: Plan
    processes: Processes
    places: dict[str, Place] = field(default_factory=dict)
    daemons: dict[str, tuple[Command, Place | None]] = field(default_factory=dict)
    api: Api | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(addresses.node_name(n + 1) for n in range(self.plan.settings.nodes))

    def begin(self, name: str, command: Command, place: Place | None) -> None:
        """Start a daemon for the first time."""
        self.daemons[name] = (command, place)
        self.processes.start(name, command, place)


def main() -> None:
    """Bring the cluster up as the plan on the command line says, and serve it."""
    plan = Plan.parse(sys.argv[1])
    cluster = _Cluster(plan=plan, processes=Processes(logs=plan.logs))
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    with socket.socket(socket.AF_UNIX) as control:
        unready = plan.control.with_suffix(".unready")
        control.bind(str(unready))
        control.listen(64)
        unready.rename(plan.control)  # who sees it can connect; the answer waits until everything is up
        try:
            _bring_up(cluster)
        except Exception as error:
            plan.failure.write_text(f"{type(error).__name__}: {error}")
            raise
        _serve(cluster, control, wake)


def _bring_up(cluster: _Cluster) -> None:
    plan = cluster.plan
    housing.leave_mounts()
    # The only process with the host's network: it takes connections on the loopback port and hands them to a socket.
    listen = f"TCP-LISTEN:{plan.port},bind=127.0.0.1,fork,reuseaddr"
    cluster.begin("door-outside", (program("socat"), listen, f"UNIX-CONNECT:{_API_SOCKET}"), None)
    housing.leave_network()
    cluster.places["switch"] = Place.of("self", "net")
    _ip(cluster, "switch", addresses.of_switch())

    keys = pki.create(Path("/run/pki"))
    server = f"https://{addresses.node(1).ipv4}:{addresses.API_PORT}"
    within = pki.kubeconfig(keys, plan.name, server)
    kubeconfig = Path("/run/pki/kubeconfig")
    kubeconfig.write_text(within)
    plan.kubeconfig.touch(mode=0o600)
    plan.kubeconfig.write_text(pki.kubeconfig(keys, plan.name, f"https://127.0.0.1:{plan.port}"))

    for number in range(1, plan.settings.nodes + 1):
        _move_node_in(cluster, number, within)
    first = Place({"net": cluster.places[addresses.node_name(1)].namespaces["net"]})  # the control plane's network
    cluster.begin(ETCD, daemons.etcd(Path("/run/etcd")), first)
    cluster.begin(API_SERVER, daemons.api_server(plan.binaries, keys), first)
    listen = f"UNIX-LISTEN:{_API_SOCKET},fork"
    cluster.begin("door-inside", (program("socat"), listen, f"TCP:{server.removeprefix('https://')}"), first)

    images = _import_images(cluster)
    cluster.api = Api.of(kubeconfig, timeout=5)
    _await_api(cluster)
    cluster.begin(daemons.CONTROLLERS, daemons.controllers(plan.binaries, keys, str(kubeconfig)), first)
    cluster.begin(daemons.SCHEDULER, daemons.scheduler(plan.binaries, str(kubeconfig)), first)
    for number, name in enumerate(cluster.nodes, start=1):
        place = cluster.places[name]
        cluster.begin(f"{daemons.KUBELET}-{name}", daemons.kubelet(plan.binaries, number), place)
        cluster.begin(f"{daemons.PROXY}-{name}", daemons.proxy(plan.binaries, number), place)
        if plan.settings.engine is Engine.NFT:
            _start_agent(cluster, name, deny=plan.settings.deny, fault=plan.settings.fault)
    _await_images(cluster, images)
    if plan.settings.engine is Engine.NFT:
        for name in cluster.nodes:
            _await_agent(cluster, name)


def _move_node_in(cluster: _Cluster, number: int, kubeconfig: str) -> None:
    """Make a node's namespaces and files, and plug it into the switch."""
    plan = cluster.plan
    name = addresses.node_name(number)
    files = {
        "kubeconfig": kubeconfig,
        "kubelet.json": daemons.kubelet_settings(number, plan.stem),
        "containerd.toml": daemons.containerd_settings(),
        "cni/10-pods.conflist": daemons.cni_settings(number, routed=plan.settings.engine is Engine.NFT),
    }
    here, there = socket.socketpair()

    def hold() -> NoReturn:
        here.close()
        housing.move_in(name, files)
        there.send(b"in")
        there.recv(1)  # until the namespaces are held by descriptors
        os._exit(0)

    holder = forked(hold)
    there.close()
    if not here.recv(2):
        raise TroubleError(f"{name} could not move in: see the keeper's log")
    cluster.places[name] = Place.of(holder)
    _ip(cluster, "switch", addresses.of_cable(number, holder))
    _ip(cluster, name, addresses.of_node(number, plan.settings.nodes))
    here.close()
    os.waitpid(holder, 0)


def _ip(cluster: _Cluster, place: str, lines: Any) -> None:
    cluster.processes.check((program("ip"), "-batch", "-"), cluster.places[place], text="\n".join(lines) + "\n")


def _import_images(cluster: _Cluster) -> dict[str, str]:
    """Start every node's containerd and, once it answers, the import of the images; return who waits for whom."""
    processes, imports = cluster.processes, {}
    ctr = (program("ctr"), "--address", daemons.CONTAINERD_SOCKET, "--namespace", "k8s.io")
    for name in cluster.nodes:
        cluster.begin(f"{CONTAINERD}-{name}", daemons.containerd(), cluster.places[name])
    for name in cluster.nodes:
        place = cluster.places[name]
        needs = (f"{CONTAINERD}-{name}",)
        processes.until(
            lambda place=place: processes.run((*ctr, "version"), place)[0] == 0,  # type: ignore[misc]
            f"containerd of {name}",
            _SECONDS,
            needs=needs,
        )
        for image in cluster.plan.images:
            task = f"import-{name}-{image.stem}"
            processes.start(task, (*ctr, "images", "import", str(image)), place)
            imports[task] = needs[0]
    return imports


def _await_images(cluster: _Cluster, imports: dict[str, str]) -> None:
    for task, containerd in imports.items():
        cluster.processes.until(
            lambda task=task: cluster.processes.ended(task) == 0,  # type: ignore[misc]
            f"{task} to end well",
            _SECONDS,
            needs=(containerd, task),
        )


def _await_api(cluster: _Cluster) -> None:
    api = cluster.api
    assert api is not None
    cluster.processes.until(api.ready, "the API server to be ready", _SECONDS, needs=(ETCD, API_SERVER))


def _start_agent(cluster: _Cluster, node: str, *, deny: str, fault: str = "", blind: str = "") -> None:
    """Start a node's agent, which says by a file that its first rules are in force."""
    name = f"{AGENT}-{node}"
    done = cluster.plan.logs / f"{name}.ready"
    done.unlink(missing_ok=True)
    command = (sys.executable, "-m", "tests.kube.agent", "--node", node, "--deny", deny, "--ready", str(done))
    lies = (word for option, value in (("--fault", fault), ("--blind", blind)) if value for word in (option, value))
    cluster.begin(name, (*command, "--kubeconfig", daemons.KUBECONFIG, *lies), cluster.places[node])


def _await_agent(cluster: _Cluster, node: str) -> None:
    name = f"{AGENT}-{node}"
    done = cluster.plan.logs / f"{name}.ready"
    cluster.processes.until(done.exists, f"{name} to enforce", _SECONDS, needs=(name,))


def _serve(cluster: _Cluster, control: socket.socket, wake: int) -> NoReturn:
    while True:
        ready, _, _ = select.select([control.fileno(), wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            cluster.processes.reap()
        if control.fileno() in ready:
            asked, _ = control.accept()
            with asked, asked.makefile("rw") as stream:
                try:
                    answer = {"ok": _do(cluster, json.loads(stream.readline()))}
                except (TroubleError, KeyError, ValueError, OSError) as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                try:
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()
                except BrokenPipeError:
                    pass  # who asked is gone


def _do(cluster: _Cluster, order: dict[str, Any]) -> Any:
    """Carry out one request of cluster.py."""
    processes = cluster.processes
    match order:
        case {"do": "list"}:
            return processes.listed()
        case {"do": "ended"}:
            return {name: processes.ended(name) for name in cluster.daemons.keys() - processes.listed()}
        case {"do": "stop", "name": name}:
            return processes.kill(name)
        case {"do": "pause", "name": name}:
            return processes.signal(name, signal.SIGSTOP)
        case {"do": "resume", "name": name}:
            return processes.signal(name, signal.SIGCONT)
        case {"do": "start", "name": name}:
            processes.start(name, *cluster.daemons[name])
            if name == API_SERVER:
                _await_api(cluster)
        case {"do": "agent", "node": node, "deny": deny, "fault": fault, "blind": blind}:
            if f"{AGENT}-{node}" in processes.listed():
                processes.kill(f"{AGENT}-{node}")
            _start_agent(cluster, node, deny=deny, fault=fault, blind=blind)
            _await_agent(cluster, node)
        case {"do": "run", "place": place, "command": [first, *rest], "text": text}:
            return processes.run((program(first), *rest), cluster.places[place], text=text)
        case {"do": "serve", "port": port}:
            _serve_external(cluster, port)
        case {"do": "exec", "node": node, "container": container, "command": command}:
            return _in_container(cluster, cluster.places[node], container, tuple(command))
        case _:
            raise ValueError(f"no such request: {order}")
    return None


def _serve_external(cluster: _Cluster, port: int) -> None:
    """Let the external host take connections on a port, at both of its addresses."""
    place, (ipv4, ipv6) = cluster.places["switch"], addresses.EXTERNAL
    for name, address, listen in (
        (f"external-{port}", ipv4, f"TCP4-LISTEN:{port},bind={ipv4}"),
        (f"external-{port}-ipv6", ipv6, f"TCP6-LISTEN:{port},bind=[{ipv6}]"),
    ):
        cluster.begin(name, (program("socat"), f"{listen},fork,reuseaddr", "OPEN:/dev/null"), place)
        knock = (program("nc.openbsd"), "-z", address, str(port))
        cluster.processes.until(
            lambda knock=knock: cluster.processes.run(knock, place)[0] == 0,  # type: ignore[misc]
            name,
            _SECONDS,
            needs=(name,),
        )


def _in_container(cluster: _Cluster, node: Place, container: str, command: Command) -> tuple[int, str]:
    """Run a command in a container; not by `ctr exec`, which loses what short commands say."""
    status, process = cluster.processes.run((program("cat"), daemons.container_process(container)), node)
    if status:
        raise ValueError(f"no container {container}: {process}")
    place = Place.of(process.strip(), "net", "mnt")
    try:
        return cluster.processes.run(("/bin/env", *command), place)
    finally:
        place.close()


if __name__ == "__main__":
    main()
