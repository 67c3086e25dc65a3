"""Ranges of addresses and ports: merged, cut, spelled for nft."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from prober.cluster.lab import ranges
from prober.model import Family, IPBlock


def _block(cidr: str, *excepts: str) -> IPBlock:
    return IPBlock(cidr=ip_network(cidr), excepts=tuple(map(ip_network, excepts)))


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        pytest.param((), [], id="nothing"),
        pytest.param(((80, 90),), [(80, 85), (86, 90)], id="touching"),
        pytest.param(((80, 90),), [(82, 83), (80, 90)], id="one inside the other"),
        pytest.param(((1, 2), (4, 5)), [(4, 5), (1, 2)], id="apart"),
    ],
)
def test_merged(expected: tuple[ranges.Range, ...], given: list[ranges.Range]) -> None:
    """Merged ranges ascend, and neither overlap nor touch: nft refuses overlaps."""
    assert expected == ranges.merged(given)


@pytest.mark.parametrize(
    ("expected", "holes"),
    [
        pytest.param(((10, 20),), [], id="no hole"),
        pytest.param(((10, 11), (15, 20)), [(12, 14)], id="in the middle"),
        pytest.param(((12, 18),), [(10, 11), (19, 20)], id="both ends"),
        pytest.param(((13, 20),), [(0, 12)], id="begins before"),
        pytest.param(((10, 17),), [(18, 99)], id="ends behind"),
        pytest.param(((10, 20),), [(30, 40), (1, 2)], id="outside"),
        pytest.param((), [(10, 15), (14, 20)], id="all of it, overlapping"),
    ],
)
def test_without(expected: tuple[ranges.Range, ...], holes: list[ranges.Range]) -> None:
    """What is left of 10 to 20 is all that no hole covers."""
    assert expected == ranges.without((10, 20), holes)


@pytest.mark.parametrize(
    ("expected", "blocks"),
    [
        pytest.param(("10.0.0.0-10.255.255.255",), [_block("10.0.0.0/8")], id="whole"),
        pytest.param(("10.0.0.7",), [_block("10.0.0.7/32")], id="one address"),
        pytest.param(
            ("10.0.0.0-10.0.255.255", "10.2.0.0-10.255.255.255"),
            [_block("10.0.0.0/8", "10.1.0.0/16")],
            id="except cuts its own block",
        ),
        pytest.param(
            ("10.0.0.0-10.255.255.255",),
            [_block("10.0.0.0/8", "10.1.0.0/16"), _block("10.1.0.0/16")],
            id="another block gives back (semantics 25)",
        ),
        pytest.param(("0.0.0.0-255.255.255.255",), [_block("0.0.0.0/0")], id="every IPv4 address"),
        pytest.param((), [_block("::/0")], id="IPv6 covers no IPv4 (semantics 27)"),
    ],
)
def test_of_blocks(expected: tuple[str, ...], blocks: list[IPBlock]) -> None:
    """Blocks become the IPv4 ranges that are in at least one of them."""
    assert expected == ranges.addresses(ranges.of_blocks(blocks, Family.IPV4), Family.IPV4)


def test_ipv6_addresses_are_spelled_canonically() -> None:
    """A range of IPv6 addresses is written as nft reads it."""
    spans = ranges.of_blocks([_block("fd00::/127", "fd00::1/128"), _block("0.0.0.0/0")], Family.IPV6)
    assert ("fd00::",) == ranges.addresses(spans, Family.IPV6)


def test_ports_are_spelled_as_numbers_and_ranges() -> None:
    """A range of one port is a number."""
    assert ("80", "90-99") == ranges.ports([(80, 80), (90, 99)])
