"""Ranges of numbers, as nft sets want them: merged, without overlap; addresses of an ipBlock and ports alike."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from prober.model import Family, IPBlock, Network

Range = tuple[int, int]  # both ends inside


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Return the same numbers in ascending ranges that neither overlap nor touch."""
    result: list[Range] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def without(whole: Range, holes: Iterable[Range]) -> tuple[Range, ...]:
    """Return what is left of a range once the holes are cut out."""
    low, high = whole
    left: list[Range] = []
    for start, end in merged(holes):
        if start > low:
            left.append((low, min(start - 1, high)))
        low = max(low, end + 1)
    if low <= high:
        left.append((low, high))
    return tuple(r for r in left if r[0] <= r[1])


def of_blocks(blocks: Iterable[IPBlock], family: Family) -> tuple[Range, ...]:
    """Return the addresses of one family in any of the blocks; an except cuts only its own block (semantics 25, 27)."""
    version = 4 if family is Family.IPV4 else 6
    return merged(
        part
        for block in blocks
        if block.cidr.version == version
        for part in without(_span(block.cidr), (_span(hole) for hole in block.excepts if hole.version == version))
    )


def addresses(ranges: Iterable[Range], family: Family) -> tuple[str, ...]:
    """Return ranges of addresses in nft's spelling."""
    address = IPv4Address if family is Family.IPV4 else IPv6Address
    return tuple(_spelled(str(address(low)), str(address(high))) for low, high in ranges)


def ports(ranges: Iterable[Range]) -> tuple[str, ...]:
    """Return ranges of ports in nft's spelling."""
    return tuple(_spelled(str(low), str(high)) for low, high in ranges)


def _spelled(low: str, high: str) -> str:
    return low if low == high else f"{low}-{high}"


def _span(network: Network) -> Range:
    return int(network.network_address), int(network.broadcast_address)
