"""DNS in bytes: a query and a zone make a response; whence the records and who asks, it does not know."""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Records = Mapping[int, Sequence[bytes]]  # type -> data of each record
    Zone = Mapping[str, Records]  # a name without its last dot, in lower case; no records: it only has children

A, NS, SOA, PTR, AAAA, SRV, OPT, ANY = 1, 2, 6, 12, 28, 33, 41, 255
NO_ERROR, FORMAT_ERROR, NO_SUCH_NAME, NOT_IMPLEMENTED, REFUSED, BAD_VERSION = 0, 1, 3, 4, 5, 16
SMALLEST, LARGEST = 512, 1232  # bytes of a UDP response: without EDNS, and what we say that we take
_TTL = 5
_IN, _ANY_CLASS = 1, 255
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _WISHED = 0x8000, 0x0400, 0x0200, 0x0100
_HEADER = struct.Struct(">6H")
_POINTER_TO_QUESTION = b"\xc0\x0c"


def encode_name(name: str) -> bytes:
    """Return a name as DNS writes it; ValueError for one that DNS cannot carry."""
    labels = [label.encode() for label in name.split(".") if label]
    if any(len(label) > 63 for label in labels) or sum(len(label) + 1 for label in labels) > 254:
        raise ValueError(f"{name!r} is too long for DNS")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


class _MalformedError(Exception):
    pass


class _Question:
    __slots__ = ("kind", "limit", "name", "raw", "version", "zone_class")

    def __init__(self, query: bytes) -> None:
        _, _, _, answers, authorities, additional = _HEADER.unpack_from(query)
        self.name, end = _read_name(query, _HEADER.size)
        try:
            self.kind, self.zone_class = struct.unpack_from(">HH", query, end)
            self.raw = query[_HEADER.size : end + 4]
            self.limit, self.version = SMALLEST, -1  # -1: no EDNS
            offset = end + 4
            for _ in range(answers + authorities + additional):
                _, offset = _read_name(query, offset)
                kind, size, version, length = struct.unpack_from(">HHxBxxH", query, offset)
                offset += 10 + length
                if offset > len(query):
                    raise _MalformedError
                if kind == OPT:
                    self.limit, self.version = max(SMALLEST, min(size, LARGEST)), version
        except struct.error as error:
            raise _MalformedError from error


def respond(query: bytes, zone: Zone, *, stream: bool) -> bytes | None:
    """Return the response to a query, None where none is due; over a stream nothing is truncated."""
    if len(query) < _HEADER.size:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if flags & _RESPONSE:
        return None
    told = _RESPONSE | (flags & 0x7800) | (flags & _WISHED)
    if flags & 0x7800:
        return _HEADER.pack(number, told | NOT_IMPLEMENTED, 0, 0, 0, 0)
    try:
        if questions != 1:
            raise _MalformedError
        question = _Question(query)
    except _MalformedError:
        return _HEADER.pack(number, told | FORMAT_ERROR, 0, 0, 0, 0)

    code, answers, authority = _find(question, zone)
    edns = b"" if question.version < 0 else b"\0" + struct.pack(">HHBBHH", OPT, LARGEST, code >> 4, 0, 0, 0)
    head = told | _AUTHORITATIVE | (code & 15)
    count = len(answers)
    body = question.raw + b"".join(answers) + authority
    if not stream and _HEADER.size + len(body) + len(edns) > question.limit:
        head, count, authority, body = head | _TRUNCATED, 0, b"", question.raw
    return _HEADER.pack(number, head, 1, count, 1 if authority else 0, 1 if edns else 0) + body + edns


def _find(question: _Question, zone: Zone) -> tuple[int, list[bytes], bytes]:
    """Return the code, the answers, and the authority that stands where there are none."""
    if question.version > 0:
        return BAD_VERSION, [], b""
    if question.zone_class not in (_IN, _ANY_CLASS):
        return REFUSED, [], b""
    origin = next((o for o in (question.name, *_parents(question.name)) if SOA in zone.get(o, {})), "")
    records = zone.get(question.name)
    answers = [
        _POINTER_TO_QUESTION + struct.pack(">HHIH", kind, _IN, _TTL, len(data)) + data
        for kind, every in (records or {}).items()
        if question.kind in (kind, ANY)
        for data in every
    ]
    # A name outside of the cluster does not exist: nothing is ever forwarded.
    code = NO_SUCH_NAME if records is None else NO_ERROR
    if answers:
        return code, answers, b""
    start = zone.get(origin, {}).get(SOA, (start_of_authority("."),))[0]
    return code, [], encode_name(origin) + struct.pack(">HHIH", SOA, _IN, _TTL, len(start)) + start


def start_of_authority(origin: str) -> bytes:
    """Return the data of a zone's SOA record."""
    names = encode_name(f"ns.dns.{origin}") + encode_name(f"hostmaster.{origin}")
    return names + struct.pack(">5I", 1, 7200, 1800, 86400, _TTL)


def _parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[n:]) for n in range(1, len(labels))]


def _read_name(message: bytes, offset: int) -> tuple[str, int]:
    """Return a name in lower case and where it ends. Queries need no compression, so a pointer is malformed."""
    labels: list[str] = []
    start = offset
    while True:
        if offset >= len(message) or offset - start > 254:
            raise _MalformedError
        length = message[offset]
        if not length:
            return ".".join(labels), offset + 1
        if length > 63:
            raise _MalformedError
        label = message[offset + 1 : offset + 1 + length]
        # A dot inside a label must not look like two labels
        labels.append(label.decode("ascii", "replace").lower().replace(".", "\ufffd"))
        offset += 1 + length
