"""The closed sets of words for what a probe saw, what it means, and what a cell is worth in the end."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What nc or dig saw in one attempt."""

    CONNECTED = "CONNECTED"  # the handshake, and the target's own name came back
    TIMED_OUT = "TIMED_OUT"  # dropped on the way
    REFUSED = "REFUSED"  # rejected by the engine, or nobody listens: only a control tells
    UNREACHABLE = "UNREACHABLE"  # no route, or administratively prohibited
    NO_NAME = "NO_NAME"  # the look-up before the connection failed
    WRONG_PEER = "WRONG_PEER"  # somebody else answered
    SILENT = "SILENT"  # a handshake without a name: never a denial
    NO_RESULT = "NO_RESULT"  # no line, or a text that nobody has recorded yet


class Verdict(StrEnum):
    """What the attempts at a cell mean."""

    ALLOWED = "ALLOWED"
    DENIED = "DENIED"
    UNKNOWN = "UNKNOWN"


class Status(StrEnum):
    """What a cell is worth, made by `verdict.judge` and nowhere else."""

    PASS = "PASS"  # noqa: S105 - a status, no password
    LEAK = "LEAK"  # should be denied, got through
    BREAK = "BREAK"  # should be allowed, did not
    FLAKY = "FLAKY"  # allowed, but not reliably
    UNKNOWN = "UNKNOWN"  # nothing proven
    SKIPPED = "SKIPPED"  # not probed, with a reason
    OBSERVED = "OBSERVED"  # the specification leaves it open: seen, not asserted
    WAIVED = "WAIVED"  # LEAK, BREAK or FLAKY, and a waiver says that this is known: neither proved nor a failure


class Trait(StrEnum):
    """What is special about a cell where engines are known to differ; see `traits`."""

    IPBLOCK_POD = "ipblock-pod"  # allowed only by an ipBlock, and at its other end is a pod
    IPBLOCK_NODE = "ipblock-node"  # the same, and at its other end is a node
    END_PORT = "end-port"  # allowed only by a range of ports
    NAMED_PORT = "named-port"  # allowed only by the name of a port
    SERVICE_PORT = "service-port"  # to a Service whose port is not the one behind it
    HAIRPIN = "hairpin"  # a pod to itself through a Service
    OWN_NODE = "own-node"  # with the pod's own node
    HOST_NETWORK = "host-network"  # a pod in its node's network


# how a remark begins that names policies of kinds that the oracle does not know
NOT_JUDGED = "policies that are not judged may change verdicts"

# the worst first: a scenario is as bad as its worst cell
SEVERITY = (
    Status.LEAK,
    Status.BREAK,
    Status.FLAKY,
    Status.UNKNOWN,
    Status.WAIVED,
    Status.PASS,
    Status.OBSERVED,
    Status.SKIPPED,
)


def worst(statuses: list[Status]) -> Status:
    """Return the most severe status; SKIPPED for none at all."""
    return min(statuses, key=SEVERITY.index, default=Status.SKIPPED)
