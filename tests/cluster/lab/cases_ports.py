"""Which ports a rule means: cases for the packet tests, rules 31 to 38 of the specification."""

from __future__ import annotations

from prober.model import (
    EVERYTHING,
    PodPeer,
    PolicyPort,
    Protocol,
    Rule,
)
from tests.cluster.lab.world import ALL_TCP, UDP_80, UDP_WEB, A, B, Case, block, isolate, select

CASES = (
    Case(
        "31 an entry without a port is all ports of TCP alone; no entry at all is everything",
        (
            isolate(A, ingress=(Rule(ports=(ALL_TCP,)),), name="tcp"),
            isolate(B, ingress=(Rule(ports=(PolicyPort(protocol=Protocol.UDP),)),), name="udp"),
        ),
        """
        x/c: + x/a x/a:81 x/b:80/udp x/b:80/udp/ipv6 - x/a:80/udp x/b x/b:81
        """,
    ),
    Case(
        "32 a rule for UDP or SCTP allows no TCP, and isolates for it",
        (isolate(ingress=(Rule(ports=(UDP_80, PolicyPort(protocol=Protocol.SCTP, port=80))),)),),
        """
        x/a: + x/b:80/udp - x/b x/b:81
        """,
    ),
    Case(
        "34 a range has both its ends; 38 ports of one rule add up, overlapping or not",
        (
            isolate(A, ingress=(Rule(ports=(PolicyPort(port=70, end=80),)),), name="up to"),
            isolate(B, ingress=(Rule(ports=(PolicyPort(port=81, end=90), PolicyPort(port=81))),), name="from"),
            isolate(select(role="c"), ingress=(Rule(ports=(PolicyPort(port=80), PolicyPort(port=81))),), name="two"),
        ),
        """
        y/a: + x/a:80 x/b:81 x/c:80 x/c:81 - x/a:81 x/b:80
        """,
    ),
    Case(
        "35 a name is resolved on the subject of ingress, whoever asks",
        (isolate(ingress=(Rule(ports=(PolicyPort(port="web"),)),)),),
        """
        y/b: + x/a:80 x/b:81 x/c:80 x/b:81/ipv6 - x/a:81 x/b:80 x/a:80/udp x/b:80/ipv6
        ext: + x/a:80 x/b:81 - x/a:81
        """,
    ),
    Case(
        "35 a name is resolved on the peer of egress, with its protocol",
        (
            isolate(
                egress=(Rule(peers=(PodPeer(namespaces=EVERYTHING, pods=B),), ports=(PolicyPort(port="web"),)),),
            ),
        ),
        """
        x/a: + x/b:81 y/b:80 x/b:81/ipv6 - x/b:80 y/b:81 y/a:80 x/b:80/udp ext:443
        """,
    ),
    Case(
        "35 a name with peers of any kind: pods that declare it; with a block: none of them",
        (
            isolate(A, egress=(Rule(ports=(PolicyPort(port="web"),)),), name="any"),
            isolate(B, egress=(Rule(peers=(block("0.0.0.0/0"),), ports=(PolicyPort(port="web"),)),), name="block"),
            isolate(
                select(role="c"),
                ingress=(Rule(peers=(block("0.0.0.0/0"),), ports=(PolicyPort(port="web"),)),),
                name="ingress",
            ),
        ),
        """
        x/a: + x/b:81 y/a:80 x/c:80 - x/b:80 y/a:81 x/c:81
        x/b: - y/a:80 y/a:81
        y/a: + x/c:80 - x/c:81 x/c:80/ipv6
        """,
    ),
    Case(
        "35 and 36 a name that nobody has matches nothing, a number needs no declaration",
        (isolate(ingress=(Rule(ports=(PolicyPort(port="nope"),)), Rule(ports=(PolicyPort(port=81),)))),),
        """
        x/a: + x/b:81 x/c:81 - x/b:80 x/c:80
        """,
    ),
    Case(
        "35 a name is that of one protocol, and may be another's too",
        (
            isolate(A, ingress=(Rule(ports=(UDP_WEB, PolicyPort(port="alt"))),), name="one"),
            isolate(B, ingress=(Rule(ports=(PolicyPort(port="web"), UDP_WEB)),), name="both"),
        ),
        """
        y/b: + x/a:80/udp x/a:81 x/b:80/udp x/b:81 - x/a:80 x/b:80
        """,
    ),
    Case(
        "38 ports and peers belong together within a rule",
        (
            isolate(
                ingress=(
                    Rule(peers=(PodPeer(pods=A),), ports=(PolicyPort(port=80),)),
                    Rule(peers=(PodPeer(pods=B),), ports=(PolicyPort(port=81),)),
                ),
            ),
        ),
        """
        x/a: + x/c:80 - x/c:81
        x/b: + x/c:81 - x/c:80
        """,
    ),
    Case(
        "33 egress sees the backend and its port, not the Service's",
        (isolate(B, egress=(Rule(peers=(PodPeer(pods=A),), ports=(PolicyPort(port=80),)),)),),
        """
        x/b: + svc/x/a:8000 svc/x/a:8000/ipv6 x/a - x/c
        """,
    ),
    Case(
        "33 the Service's own port allows nothing; 28 neither does its address",
        (
            isolate(
                B,
                egress=(
                    Rule(peers=(PodPeer(pods=A),), ports=(PolicyPort(port=8000),)),
                    Rule(peers=(block("10.96.0.0/16"),)),
                ),
            ),
        ),
        """
        x/b: - svc/x/a:8000 svc/x/a:8000/ipv6 x/a
        """,
    ),
)
