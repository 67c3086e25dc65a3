"""Where the cluster is and who we are there: a kubeconfig's context or a pod's own account; and TLS."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubernetes import client, config

from prober.cluster.kube.target import KubeTarget
from prober.errors import UsageError


def configure(target: KubeTarget, settings: client.Configuration) -> str:
    """Fill in the settings from the kubeconfig, or inside a pod from its account; return what names the cluster."""
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ and not (target.kubeconfig or target.context):
            config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
            return "in-cluster"
        _require_file(target)
        contexts, current = config.list_kube_config_contexts(target.kubeconfig or None)  # type: ignore[no-untyped-call]
        names = [str(c["name"]) for c in contexts]
        if target.context and target.context not in names:
            raise UsageError(f"there is no context {target.context}; the kubeconfig has {', '.join(names)}")
        if not target.context and len(names) > 1:
            raise UsageError(f"the kubeconfig has several contexts; give --context, one of {', '.join(names)}")
        context = target.context or str(current["name"])
        config.load_kube_config(  # type: ignore[no-untyped-call]
            target.kubeconfig or None, context=context, client_configuration=settings
        )
    except UsageError:
        raise
    except Exception as error:  # the client raises whatever reading the file brings up
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(f"no cluster: {first}; give a --kubeconfig that can be used") from None
    return context


def _require_file(target: KubeTarget) -> None:
    """Raise UsageError where no kubeconfig is there at all: who has none wants to know where one is looked for."""
    said = target.kubeconfig or os.environ.get("KUBECONFIG", "")
    files = [file for file in said.split(os.pathsep) if file] or ["~/.kube/config"]
    if any(Path(file).expanduser().is_file() for file in files):
        return
    by = (
        "--kubeconfig"
        if target.kubeconfig
        else "KUBECONFIG"
        if said
        else "neither --kubeconfig nor KUBECONFIG is given"
    )
    raise UsageError(
        f"no cluster: there is no kubeconfig {os.pathsep.join(files)} ({by}); give one by --kubeconfig FILE; "
        "--cluster lab needs none"
    )


def tls_options(settings: client.Configuration) -> dict[str, Any]:
    """Return how a websocket must check the server and show who we are."""
    if not settings.verify_ssl:
        found: dict[str, Any] = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
    else:
        found = {"cert_reqs": ssl.CERT_REQUIRED} | ({"ca_certs": settings.ssl_ca_cert} if settings.ssl_ca_cert else {})
        if settings.assert_hostname is not None:
            found["check_hostname"] = settings.assert_hostname
    for key, value in (("certfile", settings.cert_file), ("keyfile", settings.key_file)):
        if value:
            found[key] = value
    if settings.tls_server_name:
        found["server_hostname"] = settings.tls_server_name
    return found


def proxy_options(settings: client.Configuration) -> dict[str, Any]:
    """Return the proxy that a websocket must go through."""
    if not settings.proxy:
        return {}
    url = urlsplit(settings.proxy)
    return {
        "http_proxy_host": url.hostname,
        "http_proxy_port": url.port,
        "http_no_proxy": (settings.no_proxy or "").split(",") if settings.no_proxy else None,
        "proxy_type": url.scheme or "http",
    }
