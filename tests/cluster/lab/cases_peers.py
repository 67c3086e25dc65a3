"""Who is a peer: cases for the packet tests, rules 15 to 27 and 41 of the specification."""

from __future__ import annotations

from prober.model import (
    EVERYTHING,
    Direction,
    NetworkPolicy,
    Operator,
    PodPeer,
    PolicyPort,
    Rule,
)
from tests.cluster.lab.world import A, B, Case, address, block, isolate, select, where

CASES = (
    Case(
        "15 an empty pod selector takes pods of the own namespace, and no more",
        (isolate(ingress=(Rule(peers=(PodPeer(pods=EVERYTHING),)),)),),
        """
        x/a: + x/b x/c x/c:80/ipv6
        y/a: - x/a x/a:80/ipv6
        y/host: - x/c
        ext: - x/a
        """,
    ),
    Case(
        "18 an empty namespace selector takes the pods of all namespaces, and no more",
        (isolate(ingress=(Rule(peers=(PodPeer(namespaces=EVERYTHING),)),)),),
        """
        x/a: + x/b x/c
        y/a: + x/a x/a:80/ipv6
        y/host: - x/c
        ext: - x/a
        """,
    ),
    Case(
        "16 two selectors in one peer: both",
        (isolate(ingress=(Rule(peers=(PodPeer(pods=A, namespaces=select(team="blue")),)),)),),
        """
        y/a: + x/b x/c
        y/b: - x/b
        x/a: - x/b
        """,
    ),
    Case(
        "16 two peers: either",
        (isolate(ingress=(Rule(peers=(PodPeer(pods=A), PodPeer(namespaces=select(team="blue")))),)),),
        """
        y/a: + x/b
        y/b: + x/b
        x/a: + x/b
        x/b: - x/a
        """,
    ),
    Case(
        "20 NotIn matches an absent key",
        (isolate(where("app", Operator.NOT_IN, "a"), ingress=()),),
        """
        y/b: + x/a - x/b x/c
        """,
    ),
    Case(
        "20 Exists matches an empty value, DoesNotExist an absent key",
        (
            isolate(
                ingress=(Rule(peers=(PodPeer(pods=where("tier", Operator.EXISTS)),)),),
                pods=where("tier", Operator.DOES_NOT_EXIST),
            ),
        ),
        """
        x/b: + x/a x/c
        x/a: + x/b - x/c
        """,
    ),
    Case(
        "24 ipBlock matches addresses of pods; 27 of its own family alone",
        (isolate(ingress=(Rule(peers=(block("10.244.0.0/16"),)),)),),
        """
        y/a: + x/a x/c - x/a:80/ipv6 x/c:80/ipv6
        y/host: - x/c
        ext: - x/a
        """,
    ),
    Case(
        "24 two policies with a block each",
        (
            isolate(A, ingress=(Rule(peers=(block(f"{address('y/a')}/32"),)),), name="one"),
            isolate(B, ingress=(Rule(peers=(block(f"{address('y/b')}/32"),)),), name="two"),
        ),
        """
        y/a: + x/a - x/b
        y/b: + x/b - x/a
        """,
    ),
    Case(
        "27 0.0.0.0/0 is all of IPv4 and nothing of IPv6",
        (isolate(egress=(Rule(peers=(block("0.0.0.0/0"),)),)),),
        """
        x/a: + x/b y/a x/b:80/udp ext:443 node/1:90 - x/b:80/ipv6 ext:443/ipv6
        """,
    ),
    Case(
        "25 except cuts its own block, another rule gives back",
        (
            isolate(
                egress=(
                    Rule(peers=(block("0.0.0.0/0", f"{address('x/b')}/32", f"{address('y/a')}/32"),)),
                    Rule(peers=(PodPeer(pods=A, namespaces=EVERYTHING),), ports=(PolicyPort(port=80),)),
                ),
            ),
        ),
        """
        x/a: + x/c y/b y/a:80 ext:443 - x/b y/a:81
        """,
    ),
    Case(
        "41 a hostNetwork pod is no peer of a selector, its node's address is one of a block",
        (
            isolate(select(role="c"), ingress=(Rule(peers=(PodPeer(namespaces=EVERYTHING),)),), name="pods"),
            isolate(A, egress=(Rule(peers=(PodPeer(namespaces=EVERYTHING, pods=select(app="h")),)),), name="host"),
            isolate(B, egress=(Rule(peers=(block("172.18.0.2/32"),)),), name="block"),
        ),
        """
        y/host: - x/c
        x/a: - node/1:90
        x/b: + node/1:90 - x/a
        """,
    ),
    Case(
        "41 a hostNetwork pod is no subject",
        (
            NetworkPolicy(namespace="y", name="p", types=frozenset(Direction)),
            isolate(select(role="c"), ingress=(Rule(peers=(block("172.18.0.2/32"),)),), name="block"),
        ),
        """
        y/host: + x/a x/c
        x/a: + node/1:90 - y/b
        """,
    ),
)
