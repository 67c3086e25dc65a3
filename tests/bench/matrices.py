"""The matrices that are timed here: pods in three namespaces, of which one is closed."""

from __future__ import annotations


def matrix_of(pods: int, ports: str = "80, 81, 80/udp, 81/udp") -> str:
    """Return a scenario of `pods` pods on two nodes, each with these ports, and one default deny."""
    names = "\n".join(
        f"  {'xyz'[i % 3]}/p{i}: {{labels: {{pod: p{i}}}, ports: [{ports}], node: {i % 2 + 1}}}" for i in range(pods)
    )
    return f"""summary: {pods} pods, and x is closed
namespaces: {{x: {{}}, y: {{}}, z: {{}}}}
pods:
{names}
steps:
  - name: default deny in x
    apply:
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {{name: default-deny, namespace: x}}
      spec: {{podSelector: {{}}, policyTypes: [Ingress, Egress]}}
    expect: {{denied: [any -> x/any, x/any -> any], allowed: [y/any -> z/any]}}
"""
