"""The manifests in manifests/ on a test cluster, and the requests that an account makes there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
import yaml

from prober.cluster.kube.connection import Connection
from tests.kube.api import Api
from tests.kube.cluster import Cluster

if TYPE_CHECKING:
    import pytest

MANIFESTS = Path(__file__).parents[3] / "manifests"
Rule = tuple[str, str, str]  # group, resource, verb

_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "PriorityClass": "/apis/scheduling.k8s.io/v1/priorityclasses",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    "CronJob": "/apis/batch/v1/namespaces/{namespace}/cronjobs",
}


def manifest(name: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((MANIFESTS / name).read_text()) if one]


def collection(one: dict[str, Any], namespace: str = "") -> str:
    """Return where an object is made; `namespace` where it names none itself."""
    return _PATHS[one["kind"]].format(namespace=one["metadata"].get("namespace", namespace))


def rules(one: dict[str, Any]) -> set[Rule]:
    """Return all that a role allows."""
    return {
        (group, resource, verb)
        for rule in one["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def login(api: Api, cluster: Cluster, file: Path) -> Path:
    """Write a kubeconfig of the account prober/prober."""
    path = "/api/v1/namespaces/prober/serviceaccounts/prober/token"
    token = api.post(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    config = json.loads(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token["status"]["token"]}
    file.write_text(json.dumps(config))
    return file


def needed(method: str, url: str) -> Rule:
    """Return the rule that the API server asks for a request."""
    parts = urlsplit(url)
    found = re.fullmatch(
        r"/(?:api|apis/(?P<group>[^/]+))/[^/]+(?:/namespaces/[^/]+(?=/))?/(?P<what>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?",
        parts.path,
    )
    if found is None:
        return ("", parts.path, method)
    verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method)
    verb = verb or ("watch" if "watch=1" in parts.query else "get" if found["name"] else "list")
    return (found["group"] or "", found["what"] + (f"/{found['sub']}" if found["sub"] else ""), verb)


class Recorder:
    """Remembers what was asked, not forbidden, and where; the answer to the first creation of each kind gets lost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: set[Rule] = set()
        self.places: set[tuple[str, Rule]] = set()  # with the namespace, "" for none
        self.lost: set[Rule] = set()
        request, begin = urllib3.PoolManager.request, Connection.exec

        def recorded(pool: urllib3.PoolManager, method: str, url: str, **more: Any) -> Any:
            response = request(pool, method, url, **more)
            rule = needed(method, url)
            if response.status != 403:
                self._note(_namespace(url), rule)
            if method == "POST" and rule not in self.lost and response.status < 300:
                self.lost.add(rule)
                response.close()
                raise urllib3.exceptions.ProtocolError("lost")
            return response

        def executed(connection: Connection, namespace: str, *what: Any) -> Any:
            self._note(namespace, ("", "pods/exec", "get"))
            return begin(connection, namespace, *what)

        monkeypatch.setattr(urllib3.PoolManager, "request", recorded)
        monkeypatch.setattr(Connection, "exec", executed)

    def _note(self, namespace: str, rule: Rule) -> None:
        if not rule[1].startswith("/"):  # what every account may ask
            self.asked.add(rule)
            self.places.add((namespace, rule))


def _namespace(url: str) -> str:
    found = re.search(r"/namespaces/([^/?]+)", url)
    return found[1] if found else ""
