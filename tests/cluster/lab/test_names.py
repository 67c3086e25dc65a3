"""DNS responses, byte by byte: what a name has, what it lacks, what is too long, and what is no query at all."""

from __future__ import annotations

import random
import struct
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from prober.cluster.lab.names import AAAA, ANY, OPT, PTR, SOA, SRV, A, encode_name, respond, start_of_authority

if TYPE_CHECKING:
    from prober.cluster.lab.names import Zone

_ZONE: Zone = {
    "cluster.local": {SOA: (start_of_authority("cluster.local"),)},
    "svc.cluster.local": {},
    "web.svc.cluster.local": {A: (ip_address("10.96.0.5").packed,), AAAA: (ip_address("fd00::5").packed,)},
    "v4.svc.cluster.local": {A: (ip_address("10.96.0.6").packed,)},
    "_http._tcp.web.svc.cluster.local": {
        SRV: (struct.pack(">HHH", 0, 100, 80) + encode_name("web.svc.cluster.local"),)
    },
    "5.0.96.10.in-addr.arpa": {PTR: (encode_name("web.svc.cluster.local"),)},
    "many.svc.cluster.local": {A: tuple(ip_address(f"10.244.0.{i}").packed for i in range(1, 101))},
}


def _query(name: str, kind: int = A, *, size: int | None = None, version: int = 0, flags: int = 0x0100) -> bytes:
    extra = b"" if size is None else b"\0" + struct.pack(">HHBBHH", OPT, size, 0, version, 0, 0)
    return (
        struct.pack(">6H", 77, flags, 1, 0, 0, 1 if extra else 0)
        + encode_name(name)
        + struct.pack(">HH", kind, 1)
        + extra
    )


def _asked(query: bytes, *, stream: bool = False) -> tuple[int, int, int, int]:
    """Return code, whether truncated, answers, authorities."""
    response = respond(query, _ZONE, stream=stream)
    assert response is not None
    number, flags, _, answers, authorities, _ = struct.unpack_from(">6H", response)
    assert (77, 0x8000) == (number, flags & 0x8000)
    return flags & 15, (flags >> 9) & 1, answers, authorities


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        pytest.param("web.svc.cluster.local", A, (0, 0, 1, 0), id="address"),
        pytest.param("WEB.svc.Cluster.local", A, (0, 0, 1, 0), id="any-case"),
        pytest.param("web.svc.cluster.local", AAAA, (0, 0, 1, 0), id="ipv6-address"),
        pytest.param("web.svc.cluster.local", ANY, (0, 0, 2, 0), id="any"),
        pytest.param("v4.svc.cluster.local", AAAA, (0, 0, 0, 1), id="no-ipv6-but-the-name-exists"),
        pytest.param("svc.cluster.local", A, (0, 0, 0, 1), id="between-names"),
        pytest.param("nobody.svc.cluster.local", A, (3, 0, 0, 1), id="no-such-name"),
        pytest.param("_http._tcp.web.svc.cluster.local", SRV, (0, 0, 1, 0), id="service"),
        pytest.param("5.0.96.10.in-addr.arpa", PTR, (0, 0, 1, 0), id="reverse"),
        pytest.param("example.com", A, (3, 0, 0, 1), id="outside-does-not-exist"),
        pytest.param(".", A, (3, 0, 0, 1), id="root"),
    ],
)
def test_answers(name: str, kind: int, expected: tuple[int, int, int, int]) -> None:
    """Records where there are some, else the zone's SOA, with NXDOMAIN only for a name that does not exist."""
    assert expected == _asked(_query(name, kind))


def test_an_answer_carries_the_question_and_the_data() -> None:
    """The question comes back as it was asked; the answer points to it and ends with the address."""
    query = _query("Web.svc.cluster.local")
    response = respond(query, _ZONE, stream=False)
    assert response is not None
    assert query[12:] == response[12 : len(query)]
    assert b"\xc0\x0c" + struct.pack(">HHIH", A, 1, 5, 4) + bytes([10, 96, 0, 5]) == response[len(query) :]


@pytest.mark.parametrize(
    ("size", "stream", "expected"),
    [
        pytest.param(None, False, (0, 1, 0, 0), id="without-edns-512"),
        pytest.param(1232, False, (0, 1, 0, 0), id="edns-1232"),
        pytest.param(65535, False, (0, 1, 0, 0), id="never-above-1232"),
        pytest.param(None, True, (0, 0, 100, 0), id="whole-over-a-stream"),
    ],
)
def test_truncation(size: int | None, stream: bool, expected: tuple[int, int, int, int]) -> None:
    """A datagram is no longer than the client takes: then it is truncated, and says so."""
    query = _query("many.svc.cluster.local", size=size)
    assert expected == _asked(query, stream=stream)
    response = respond(query, _ZONE, stream=stream)
    assert response is not None
    assert stream or len(response) <= 512


def test_a_long_answer_fits_where_the_client_takes_it() -> None:
    """Fifty addresses are 850 bytes: too long without EDNS, not with it."""
    zone = {"n": {A: tuple(ip_address(f"10.0.0.{i}").packed for i in range(50))}}
    short, long = (respond(_query("n", size=size), zone, stream=False) for size in (None, 1232))
    assert short is not None
    assert long is not None
    assert (0, 50) == (struct.unpack_from(">H", short, 6)[0], struct.unpack_from(">H", long, 6)[0])


def test_edns_of_a_later_version() -> None:
    """BADVERS is 16: its upper bits stand in the OPT record."""
    response = respond(_query("web.svc.cluster.local", size=512, version=1), _ZONE, stream=False)
    assert response is not None
    assert (0, 1) == (struct.unpack_from(">H", response, 2)[0] & 15, response[-6])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(b"", None, id="empty"),
        pytest.param(b"\0" * 11, None, id="less-than-a-header"),
        pytest.param(_query("web.svc.cluster.local", flags=0x8000), None, id="a-response"),
        pytest.param(_query("web.svc.cluster.local", flags=0x2800), 4, id="an-update"),
        pytest.param(_query("web.svc.cluster.local")[:20], 1, id="cut-off"),
        pytest.param(struct.pack(">6H", 77, 0, 0, 0, 0, 0), 1, id="no-question"),
        pytest.param(struct.pack(">6H", 77, 0, 2, 0, 0, 0) + 2 * (b"\x01a\0" + b"\0\1\0\1"), 1, id="two-questions"),
        pytest.param(struct.pack(">6H", 77, 0, 1, 0, 0, 0) + b"\xc0\x0c" + b"\0\1\0\1", 1, id="name-that-is-a-pointer"),
        pytest.param(struct.pack(">6H", 77, 0, 1, 0, 0, 0) + b"\x3fa" * 200, 1, id="name-without-end"),
        pytest.param(
            struct.pack(">6H", 77, 0, 1, 0, 0, 9) + b"\x01a\0" + b"\0\1\0\1", 1, id="additional-that-is-missing"
        ),
        pytest.param(struct.pack(">6H", 77, 0, 1, 0, 0, 0) + b"\x01a\0" + b"\0\1\0\3", 5, id="class-chaos"),
    ],
)
def test_what_is_no_good_query(query: bytes, expected: int | None) -> None:
    """What cannot be read gets a code, what is not a query gets nothing."""
    response = respond(query, _ZONE, stream=False)
    assert expected == (None if response is None else struct.unpack_from(">H", response, 2)[0] & 15)


def test_no_bytes_make_it_fail() -> None:
    """Whatever comes, it answers within the limit or stays silent."""
    generator = random.Random(7)  # noqa: S311  # the same bytes in every run
    whole = _query("many.svc.cluster.local", size=4096)
    for _ in range(5000):
        query = bytearray(whole[: generator.randrange(len(whole) + 1)])
        for _ in range(generator.randrange(4)):
            if query:
                query[generator.randrange(len(query))] = generator.randrange(256)
        response = respond(bytes(query), _ZONE, stream=False)
        assert response is None or 12 <= len(response) <= 1232 + len(whole)


@pytest.mark.parametrize("name", [pytest.param("a" * 64 + ".b", id="label"), pytest.param("a." * 128, id="name")])
def test_a_name_that_dns_cannot_carry(name: str) -> None:
    """Labels have at most 63 bytes, names 255."""
    with pytest.raises(ValueError, match="too long for DNS"):
        encode_name(name)


def test_a_dot_inside_a_label_is_no_separator() -> None:
    """`web.svc` as one label is another name than web.svc."""
    query = struct.pack(">6H", 77, 0, 1, 0, 0, 0) + b"\x07web.svc\x07cluster\x05local\0" + struct.pack(">HH", A, 1)
    assert (3, 0, 0, 1) == _asked(query)
