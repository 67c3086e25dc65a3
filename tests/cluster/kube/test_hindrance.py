"""Tests of what keeps pods from running, on statuses and events as clusters write them."""

from __future__ import annotations

from typing import Any

import pytest

from prober.cluster.kube import hindrance

QUOTA = (
    'Error creating: pods "s-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4'
)
WEBHOOK = 'Error creating: admission webhook "policy.example" denied the request: images must be signed'
SECURITY = 'Error creating: pods "s-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
ACCOUNT = 'Error creating: pods "s-" is forbidden: error looking up service account: serviceaccount "default" not found'
HICCUP = "Error creating: Internal error occurred: failed calling webhook: context deadline exceeded"


def event(
    message: str, *, kind: str = "Job", name: str = "s", reason: str = "FailedCreate", **more: Any
) -> dict[str, Any]:
    about = {"kind": kind, "name": name, "namespace": "payments"}
    return {"type": "Warning", "reason": reason, "message": message, "involvedObject": about, **more}


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "s-x", "namespace": "payments"}, "status": {"phase": "Pending", **status}}


def waiting(reason: str) -> dict[str, Any]:
    return pod(containerStatuses=[{"name": "probe", "state": {"waiting": {"reason": reason, "message": "why"}}}])


@pytest.mark.parametrize("message", [QUOTA, WEBHOOK, SECURITY])
def test_refused_pods_are_told_at_once(message: str) -> None:
    """A quota, a webhook or Pod Security will not change its mind: their own words, without waiting."""
    assert f"payments: {message}" == hindrance.fatal(["s"], (), [event(message)], 0.0)


@pytest.mark.parametrize("message", [ACCOUNT, HICCUP])
def test_passing_refusals_have_some_seconds(message: str) -> None:
    """A new namespace's account is on its way, and a webhook may stutter: only what lasts is fatal."""
    assert "" == hindrance.fatal(["s"], (), [event(message)], 2.0)
    assert message in hindrance.fatal(["s"], (), [event(message)], 9.0)


@pytest.mark.parametrize(
    "other", [event(QUOTA, name="other"), event(QUOTA, kind="Pod"), event(QUOTA, reason="SuccessfulCreate")]
)
def test_events_of_others_are_not_ours(other: dict[str, Any]) -> None:
    """In a namespace of somebody else's only what is about our Jobs counts."""
    assert "" == hindrance.fatal(["s"], (), [other], 60.0)


@pytest.mark.parametrize(
    "reason", ["ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"]
)
def test_hopeless_containers_are_told_at_once(reason: str) -> None:
    """An image that cannot be had will not be had: the kubelet's own words."""
    assert f"pod payments/s-x: {reason}: why" == hindrance.fatal(["s"], [waiting(reason)], (), 0.0)


def test_first_failed_pull_may_pass() -> None:
    """A registry stutters; when the kubelet backs off, or after some seconds, it is told."""
    assert "" == hindrance.fatal(["s"], [waiting("ErrImagePull")], (), 1.0)
    assert "ErrImagePull" in hindrance.fatal(["s"], [waiting("ErrImagePull")], (), 9.0)


def test_pods_that_wait_for_nothing_bad_are_left_alone() -> None:
    """A container that is being created is no failure, however long it takes: the time limit is another matter."""
    assert "" == hindrance.fatal(["s"], [waiting("ContainerCreating"), pod()], (), 60.0)


def test_ended_pod_says_how() -> None:
    """A probe that ended by itself will not come back."""
    ended = {"name": "probe", "state": {"terminated": {"reason": "Error", "exitCode": 1}}}

    assert "probe ended: Error (exit 1)" in hindrance.fatal(
        ["s"], [pod(phase="Failed", containerStatuses=[ended])], (), 0
    )
    assert "Evicted: disk" in hindrance.fatal(["s"], [pod(phase="Failed", reason="Evicted", message="disk")], (), 0)


def test_pod_without_a_place_has_some_seconds() -> None:
    """A node may become free; after that the scheduler's own words."""
    full = pod(
        conditions=[{"type": "PodScheduled", "reason": "Unschedulable", "message": "0/2 nodes: Insufficient cpu"}]
    )

    assert "" == hindrance.fatal(["s"], [full], (), 1.0)
    assert "pod payments/s-x: Unschedulable: 0/2 nodes: Insufficient cpu" == hindrance.fatal(["s"], [full], (), 9.0)


def test_last_words_are_the_latest_warning_about_ours() -> None:
    """What is shown at the end of the time is the newest event about the Job or its pods."""
    early = event("old", lastTimestamp="2026-01-01T00:00:01Z")
    late = event(
        "no network", kind="Pod", name="s-x", reason="FailedCreatePodSandBox", lastTimestamp="2026-01-01T00:00:02Z"
    )
    foreign = event("loud", name="s2-x", lastTimestamp="2026-01-01T00:00:03Z")

    assert "FailedCreatePodSandBox: no network" == hindrance.last_words(["s"], [late, early, foreign])
    assert "no event says why" == hindrance.last_words(["s"], [{**late, "type": "Normal"}])


def test_warnings_are_listed_in_the_order_of_time() -> None:
    """A person reads what happened in the order in which it did."""
    first, second = event("1", lastTimestamp="2026-01-01T00:00:01Z"), event("2", eventTime="2026-01-01T00:00:02Z")

    lines = hindrance.listed([second, {**first, "type": "Normal"}, first])

    assert [": 1", ": 2"] == [line[-3:] for line in lines]
    assert "Job payments/s: FailedCreate" in lines[0]
