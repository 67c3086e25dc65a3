"""Carrying out a scenario's actions; what the API server stored must be what was meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prober import manifest
from prober.cluster.kube import objects, reading
from prober.cluster.kube.connection import ApiError
from prober.cluster.kube.ground import Ground, Standing
from prober.cluster.kube.making import start_pods
from prober.cluster.kube.overlap import refuse_overlap
from prober.cluster.kube.waiting import await_gone
from prober.errors import ClusterError, InputError
from prober.model import (
    Action,
    AddPod,
    ApplyPolicy,
    DeletePolicy,
    LabelNamespace,
    LabelPod,
    NetworkPolicy,
    PodRef,
    PolicyRef,
    RemovePod,
)

Object = Mapping[str, Any]
_PATCH = "application/merge-patch+json"
_GONE_WITHIN = 30.0


def carry_out(ground: Ground, action: Action) -> Action:
    """Carry out one action; when this returns the API server has it; what the engines make of it is the question."""
    if isinstance(action, LabelPod | RemovePod):
        _standing(ground, action.pod, action)
    declared = ground.declared.after(action)
    if isinstance(action, AddPod | LabelPod | LabelNamespace):
        refuse_overlap(ground, declared)
    done = _carried_out(ground, action)
    ground.declared = declared
    return done


def _carried_out(ground: Ground, action: Action) -> Action:
    match action:
        case ApplyPolicy(policy=policy):
            _apply(ground, policy)
        case DeletePolicy(policy=ref):
            _delete_policy(ground, ref)
        case LabelPod(pod=ref, labels=labels):
            standing = _standing(ground, ref, action)
            path = f"/api/v1/namespaces/{standing.namespace}/pods/{standing.name}"
            _label(ground, path, standing.uid, labels)
        case LabelNamespace() if ground.target.namespaces:
            raise ClusterError(f"{action}: namespaces that somebody else made stay as they are")
        case LabelNamespace(namespace=name, labels=labels):
            path = f"/api/v1/namespaces/{ground.naming.real[name]}"
            _label(ground, path, ground.uids.get(path, ""), labels)
        case AddPod(pod=pod):
            return _add(ground, AddPod(pod=pod))
        case RemovePod(pod=ref):
            _remove(ground, _standing(ground, ref, action))
            del ground.pods[ref]
    return action


def _standing(ground: Ground, ref: PodRef, action: Action) -> Standing:
    if ref not in ground.pods:
        raise ClusterError(f"{action}: there is no such pod")
    return ground.pods[ref]


def _policies(namespace: str) -> str:
    return f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"


def _apply(ground: Ground, policy: NetworkPolicy) -> None:
    real = ground.naming.policy(policy)
    body = objects.policy(real, ground.marks)
    path = f"{_policies(real.namespace)}/{real.name}"
    if path in ground.uids:
        body = {**body, "metadata": {**body["metadata"], "uid": ground.uids[path]}}  # the one we made, no other
        try:
            stored = ground.connection.send("PUT", path, body)
        except ApiError as error:
            raise ground.told(error) from None
    else:
        stored = ground.create(_policies(real.namespace), body)
    _check_stored(ground, policy, stored)
    ground.policies[policy.ref] = str(stored["metadata"]["uid"])
    metadata = {k: v for k, v in stored["metadata"].items() if k != "managedFields"}  # who wrote which field: long
    ground.stored[policy.ref] = {**stored, "metadata": metadata}


def _check_stored(ground: Ground, meant: NetworkPolicy, stored: Object) -> None:
    """Refuse to go on where a webhook or a lost answer left another policy than the scenario's."""
    text = json.dumps({**stored, "apiVersion": manifest.API_VERSION, "kind": manifest.KIND})
    try:
        found = ground.naming.original(manifest.load(text, "the stored policy")[0].it)
    except InputError as error:
        raise ClusterError(f"{meant.ref}: the stored policy cannot be read: {error}") from None
    if manifest.dump(found)["spec"] != manifest.dump(meant)["spec"]:
        spec = ground.naming.restored(json.dumps(stored["spec"]))
        raise ClusterError(f"{meant.ref}: the API server stored another policy than the scenario's: {spec}")


def _delete_policy(ground: Ground, ref: PolicyRef) -> None:
    path = f"{_policies(ground.naming.real[ref.namespace])}/{ref.name}"
    if ref not in ground.policies or not ground.delete(path):
        raise ClusterError(f"delete {ref}: there is no such policy")
    del ground.policies[ref], ground.stored[ref], ground.uids[path]


def _label(ground: Ground, path: str, uid: str, labels: Mapping[str, str | None]) -> None:
    metadata = {"labels": dict(labels)} | ({"uid": uid} if uid else {})
    try:
        stored = ground.connection.send("PATCH", path, {"metadata": metadata}, kind=_PATCH)
    except ApiError as error:
        raise ground.told(error) from None
    found = stored["metadata"].get("labels") or {}
    if wrong := [k for k, v in labels.items() if found.get(k) != v]:
        raise ClusterError(ground.naming.restored(f"{path}: the label {wrong[0]} was not stored as asked"))


def _add(ground: Ground, action: AddPod) -> Action:
    pod = action.pod
    if pod.host_network and not ground.target.allow_host_network:
        raise ClusterError(f"{action}: host network is not allowed here (--allow-host-network)")
    if len(ground.pods) >= ground.target.max_pods:
        raise ClusterError(f"{action}: more than {ground.target.max_pods} pods (--max-pods)")
    found = start_pods(ground, (pod,))[pod.ref]
    return AddPod(pod=replace(reading.probe_pod(pod, found, ground.nodes), labels=pod.labels))


def _remove(ground: Ground, standing: Standing) -> None:
    """Delete a pod and its controller, and wait until it is gone: what ran there may answer no more."""
    job = f"/apis/batch/v1/namespaces/{standing.namespace}/jobs/{standing.stem}"
    pods = f"/api/v1/namespaces/{standing.namespace}/pods"
    ground.delete(job)
    path = f"{pods}/{standing.name}"
    ground.uids[path] = standing.uid
    ground.delete(path)
    if await_gone(ground.connection, pods, ground.marks.selector, (standing.name,), _GONE_WITHIN):
        raise ClusterError(ground.naming.restored(f"{path} is not gone after {_GONE_WITHIN:g} s"))
