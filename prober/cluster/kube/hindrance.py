"""What keeps a pod from running, in the cluster's own words, and which of it will not pass by itself (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]

_HOPELESS = frozenset(
    (
        *("InvalidImageName", "ErrImageNeverPull", "ImagePullBackOff", "CreateContainerConfigError"),
        *("CreateContainerError", "RunContainerError", "CrashLoopBackOff", "PreStartHookError"),
    )
)
_REFUSALS = ("forbidden", "denied", "exceeded quota", "violates", "is invalid")
_PATIENCE = 8.0  # seconds for what may pass: a full node, a registry that stutters, a webhook that times out


def fatal(jobs: Iterable[str], pods: Sequence[Object], events: Sequence[Object], age: float) -> str:
    """Say what keeps the pods of these Jobs from running, `age` seconds after they were asked for; "" if nothing."""
    for pod in pods:
        if found := _pods_own(pod, age):
            return f"pod {_name(pod)}: {found}"
    wanted = frozenset(jobs)
    for event in events:
        about = event.get("involvedObject") or {}
        if about.get("kind") != "Job" or about.get("name") not in wanted or event.get("reason") != "FailedCreate":
            continue
        message = str(event.get("message", ""))
        if "serviceaccount" in message and "not found" in message and age < _PATIENCE:
            continue  # the new namespace's account is on its way
        if age >= _PATIENCE or any(word in message for word in _REFUSALS):
            return f"{about.get('namespace')}: {message}"
    return ""


def last_words(names: Iterable[str], events: Sequence[Object]) -> str:
    """Return the latest warning about one of these objects, or about a pod of theirs."""
    stems = tuple(names)
    about = [e for e in events if e.get("type") == "Warning" and _of(e, stems)]
    about.sort(key=_when)
    return f"{about[-1].get('reason')}: {about[-1].get('message')}" if about else "no event says why"


def listed(events: Sequence[Object]) -> list[str]:
    """Return a line for each warning, in the order of time."""
    warnings = sorted((e for e in events if e.get("type") == "Warning"), key=_when)
    return [
        f"{_when(e)} {(e.get('involvedObject') or {}).get('kind')} {(e.get('involvedObject') or {}).get('namespace')}/"
        f"{(e.get('involvedObject') or {}).get('name')}: {e.get('reason')}: {e.get('message')}"
        for e in warnings
    ]


def _pods_own(pod: Object, age: float) -> str:
    status = pod.get("status", {})
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state", {})
        waiting = state.get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason in _HOPELESS or (reason == "ErrImagePull" and age >= _PATIENCE):
            return f"{reason}: {waiting.get('message') or 'no message'}"
        ended = state.get("terminated") or {}
        if ended and status.get("phase") == "Failed":
            code, message = ended.get("exitCode"), ended.get("message") or ""
            return f"{container['name']} ended: {ended.get('reason')} (exit {code}) {message}"
    if status.get("phase") in ("Failed", "Succeeded"):
        return f"{status.get('reason') or status['phase']}: {status.get('message') or 'no message'}"
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable" and age >= _PATIENCE:
            return f"Unschedulable: {condition.get('message')}"
    return ""


def _of(event: Object, stems: tuple[str, ...]) -> bool:
    name = str((event.get("involvedObject") or {}).get("name", ""))
    return any(name == stem or name.startswith(f"{stem}-") for stem in stems)


def _when(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or "")


def _name(pod: Object) -> str:
    return f"{pod['metadata'].get('namespace')}/{pod['metadata']['name']}"
