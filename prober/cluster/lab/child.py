"""The lab's own process: builds what it is told, starts probe scripts, and ends with the harness; it decides nothing.

Two processes: the outer one waits for the end of the harness or of the inner one; the inner one is process 1 of a
process namespace, so that its end is the end of everything that ran in the lab.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import signal
import socket
import sys

from prober.cluster.lab import sandbox
from prober.cluster.lab.enforce import Enforcement, Nft
from prober.cluster.lab.fabric import Fabric
from prober.cluster.lab.listen import Listeners
from prober.cluster.lab.sandbox import STATE, Stage, StageError, View
from prober.cluster.lab.wire import receive, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SCRIPT = f"{STATE}/probe.sh"
_REAP = 0.5  # seconds between looks for orphans that have ended


def main() -> None:
    """Run the lab on the control socket whose descriptor is the first argument, for the process of the second."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    try:
        harness = os.pidfd_open(int(sys.argv[2]))
        if os.getppid() != int(sys.argv[2]):
            return
        settings, _ = receive(control)
        sandbox.enter()
        inner = os.fork()
    except StageError as error:
        send(control, ("error", error.stage, error.code, error.text))
        return
    except OSError as error:
        send(control, ("error", "start", error.errno or 0, str(error)))
        return
    except EOFError:
        return
    if inner:
        control.close()
        _wait(harness, inner)
    else:
        sandbox.die_with_parent()
        os.close(harness)
        _inner(control, settings)


def _wait(harness: int, inner: int) -> None:
    """Wait until one of both ends, and see to it that the inner one has."""
    poll = select.poll()
    child = os.pidfd_open(inner)
    for descriptor in (harness, child):
        poll.register(descriptor, select.POLLIN)
    poll.poll()
    signal.pidfd_send_signal(child, signal.SIGKILL)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) & 255)


def _inner(control: socket.socket, settings: dict[str, Any]) -> None:
    try:
        lab = _Lab(settings)
        send(control, ("ok", lab.without))
        lab.serve(control)
    except StageError as error:
        send(control, ("error", error.stage, error.code, error.text))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the harness is gone, so is all of this
    except BaseException:  # its text reaches the harness by standard error
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


class _Lab:
    """What is running: hosts, listeners, rules, streams."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._shell, self._environment = settings["shell"], settings["environment"]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        sandbox.hide_host()
        sandbox.write(_SCRIPT, settings["script"])
        self._fabric = Fabric()
        self._listeners = Listeners()
        self._listeners.start()
        sandbox.unshare(sandbox.CLONE_FS)  # the listeners' thread shares it, and a View cannot be entered with it
        self._outside = View("", "")
        self._views: dict[str, View] = {}
        self._spaces: dict[str, str] = {}  # owner -> key of its host, for those that live on a node
        self._names: dict[str, str] = {}  # owner -> Kubernetes namespace
        self._streams: dict[int, tuple[str, int | None]] = {}  # process -> owner, exit status
        self._nft = Nft(settings["nft"], self._environment, self._fabric.enter)
        self._enforcement = Enforcement(self._nft)
        self.without = _missing_protocols()

    def serve(self, control: socket.socket) -> None:
        """Do as the harness says until it is gone."""
        poll = select.poll()
        poll.register(control, select.POLLIN)
        while True:
            pause = self._enforcement.pause()
            ready = poll.poll(1000 * (_REAP if pause is None else min(pause, _REAP)))
            self._enforcement.tick()
            self._reap()
            if ready:
                (order, *arguments), descriptors = receive(control)
                try:
                    answer = getattr(self, f"do_{order}")(*arguments, *descriptors)
                except StageError as error:
                    send(control, ("error", error.stage, error.code, error.text))
                else:
                    send(control, ("ok", answer))
                finally:
                    for descriptor in descriptors:
                        os.close(descriptor)

    def do_change(self, change: dict[str, Any]) -> None:
        """Remove, then enforce, then add: what is new must not be reachable before the rules know it."""
        self._remove(change["remove"])
        self._fabric.add_nodes(change["nodes"])
        self._enforcement.put(
            change["policies"],
            change["services"],
            delay=change["delay"],
            turns=change["turns"],
            outage=change["outage"],
            meanwhile=lambda: self._fabric.add_hosts(change["hosts"]),
        )
        for name, text in change["resolvers"]:
            self._outside.enter()
            with Stage("mount"):
                self._views[name] = View(name, text, self._outside)
        for owner, key, namespace in change["owners"]:
            self._spaces[owner] = key
            self._names[owner] = namespace
        self._listen(change["listeners"])
        if change["zone"] is not None:
            self._listeners.zone = change["zone"]

    def do_break(self, silent: list[str], stripped: list[str]) -> None:
        """Close the listeners of some, take the addresses of others."""
        self._listeners.close(silent)
        for key in stripped:
            with Stage("network"):
                self._fabric.strip(key)

    def do_stream(self, owner: str, request: int, output: int) -> int:
        """Start the probe script in a pod; return its process."""
        if owner not in self._spaces:
            raise StageError("stream", errno.ENOENT, f"there is no {owner}")
        with Stage("stream"):
            self._views.get(self._names[owner], self._outside).enter()
            self._fabric.enter(self._spaces[owner])
            process = os.posix_spawn(
                self._shell,
                ["sh", _SCRIPT],
                self._environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, request, 0), (os.POSIX_SPAWN_DUP2, output, 1)],
                setpgroup=0,
            )
        self._streams[process] = owner, None
        return process

    def do_finish(self, process: int) -> int:
        """End a stream and whatever it started; return its exit status (negative: a signal)."""
        _, status = self._streams.pop(process)
        if status is None:
            _kill_group(process)
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        return status

    def do_arrivals(self) -> list[str]:
        return self._listeners.arrivals()

    def do_alive(self) -> dict[str, list[str]]:
        """Return who is there, with the addresses really held; a late failure of the rules is told here."""
        if self._enforcement.problem:
            raise StageError("nft", 0, self._enforcement.problem)
        return {owner: self._fabric.held(key) for owner, key in self._spaces.items()}

    def do_evidence(self, nodes: list[str]) -> str:
        rules = (f"# rules on {node}\n{_policies_first(self._nft.listed(node))}" for node in nodes)
        listeners = "\n".join(self._listeners.described())
        return "\n".join((*rules, f"# listeners\n{listeners}", *filter(None, [self._enforcement.problem])))

    def _remove(self, owners: list[str]) -> None:
        self._listeners.close(owners)
        for process, (owner, status) in self._streams.items():
            if owner in owners and status is None:
                _kill_group(process)
        for owner in owners:
            if self._spaces.pop(owner) == owner:
                with Stage("network"):
                    self._fabric.remove(owner)
            del self._names[owner]

    def _listen(self, listeners: list[tuple[str, str, str, str, int, str]]) -> None:
        inside = ""
        with Stage("listen"):
            for key, kind, owner, address, port, answer in listeners:
                if kind in self.without:
                    continue
                if key != inside:
                    self._fabric.enter(key)
                    inside = key
                self._listeners.add(kind, owner, address, port, answer)

    def _reap(self) -> None:
        """Collect the dead: streams that ended by themselves, and orphans that came to process 1."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            if process in self._streams:
                _kill_group(process)  # when its leader has ended, nothing of a stream may live on
                owner, _ = self._streams[process]
                self._streams[process] = owner, os.waitstatus_to_exitcode(status)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _missing_protocols() -> list[str]:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        return ["sctp"]
    return []


def _policies_first(ruleset: str) -> str:
    """Return the tables with those of the policies before those of the Services: they are what one looks for."""
    tables = [f"table {t}".strip() for t in ruleset.split("table ")[1:]]
    return "\n".join(sorted(tables, key=lambda t: "prober_policies" not in t.split("{", 1)[0]))


if __name__ == "__main__":
    main()
