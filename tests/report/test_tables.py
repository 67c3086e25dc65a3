"""Tests of prober.report.tables."""

from __future__ import annotations

import pytest

from prober.outcomes import Outcome, Status
from prober.report.tables import View, mark, tables
from tests.report.build import cell, matrix

THREE = ("payments/api", "payments/postgres", "marketing/web")
THIRTY = tuple(f"{ns}/pod-{i}" for ns in ("payments", "marketing", "shop") for i in range(10))
LEAK = "marketing/web -> payments/postgres"


def text(lines: list[str]) -> str:
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        pytest.param("X X X", cell("a/b -> c/d:80"), id="denied"),
        pytest.param(". . .", cell("a/b -> c/d:80", "ALLOWED"), id="allowed"),
        pytest.param("X . !", cell("a/b -> c/d:80", "DENIED", "ALLOWED"), id="leak"),
        pytest.param(". X !", cell("a/b -> c/d:80", "ALLOWED", "DENIED"), id="break"),
        pytest.param(". . !", cell("a/b -> c/d:80", "ALLOWED", "ALLOWED", status=Status.FLAKY), id="flaky"),
        pytest.param("X ? ?", cell("a/b -> c/d:80", "DENIED", "UNKNOWN"), id="unknown"),
        pytest.param("X X ?", cell("a/b -> c/d:80", status=Status.UNKNOWN), id="denied-without-control"),
        pytest.param("? . ?", cell("a/b -> c/d:80", "UNKNOWN", "ALLOWED"), id="left-open"),
        pytest.param("X . w", cell("a/b -> c/d:80", "DENIED", "ALLOWED", status=Status.WAIVED), id="waived"),
        pytest.param("X X ?", cell("a/b -> c/d:80", status=Status.SKIPPED, outcome=Outcome.SILENT), id="skipped"),
    ],
)
def test_marks(expected: str, found: object) -> None:
    """`.` is allowed, `X` denied, `?` unknown, and `!` a proven difference (`w`: waived), never an unproven one."""
    assert expected == " ".join(mark(found, view) for view in View)  # type: ignore[arg-type]


def test_three_tables_below_each_other() -> None:
    """On a narrow page the tables stand below each other; rows are sources, columns targets and their ports."""
    assert """\
expected
                   payments/            marketing/
                   api        postgres  web
from               :80        :80       :80
-----------------  ---------  --------  ----------
payments/api                  X         X
payments/postgres  X                    X
marketing/web      X          X

observed
                   payments/            marketing/
                   api        postgres  web
from               :80        :80       :80
-----------------  ---------  --------  ----------
payments/api                  X         X
payments/postgres  X                    X
marketing/web      X          .

difference
                   payments/            marketing/
                   api        postgres  web
from               :80        :80       :80
-----------------  ---------  --------  ----------
payments/api                  X         X
payments/postgres  X                    X
marketing/web      X          !""" == text(tables(matrix(THREE, ["80"], leaks=[LEAK]), 60))


def test_three_tables_side_by_side() -> None:
    """On a wide page the tables stand side by side, with their rows in line."""
    lines = tables(matrix(THREE, ["80"], leaks=[LEAK]), 200)

    assert ["expected", "observed", "difference"] == lines[0].split()
    assert ["marketing/web", "X", "X", "marketing/web", "X", ".", "marketing/web", "X", "!"] == lines[-1].split()
    assert 8 == len(lines)


def test_each_kind_of_target_has_its_heading() -> None:
    """A heading says namespace (or the kind of target), name and port, with the protocol and family that matter."""
    targets = (
        "payments/api:80",
        "payments/api:53/udp",
        "payments/api:80/ipv6",
        "svc/payments/db:5432",
        "name/db.payments:5432",
        "ext/partner:443",
        "node/2:22",
        "dns/db.payments",
        "dns/db.payments/tcp",
        "apiserver",
    )
    lines = tables([cell(f"a/b -> {t}") for t in targets] + [cell("ext/partner -> payments/api:80")], 200)
    headings = """\
             ext/     payments/                     svc/payments/  name/        node/  dns/
             partner  api                           db             db.payments  2      db.payments        apiserver
from         :443     :80        :53/udp  :80/ipv6  :5432          :5432        :22    /udp         /tcp
-----------  -------  ---------  -------  --------  -------------  -----------  -----  -----------  ----  ---------"""
    assert headings == text(lines[1:5])
    assert ["a/b", *"XXXXXXXXXX"] == lines[5].split()
    assert ["ext/partner", "X"] == lines[6].split()


def test_wide_table_collapses_the_namespaces_without_difference_first() -> None:
    """Namespaces whose cells all agree become one column and one row; the one with a difference keeps its pods."""
    found = matrix(THIRTY, ["80"], leaks=["marketing/pod-3 -> payments/pod-7"])
    lines = tables(found, 120, [View.DIFFERENCE])

    assert ["payments/", "marketing/", "shop/"] == lines[1].split()
    assert [*(f"pod-{i}" for i in range(10)), "any", "any"] == lines[2].split()
    assert ["marketing/pod-3", *"XXXXXXX!XX", "X", "X"] in [line.split() for line in lines]
    assert ["payments/any", "shop/any"] == [line.split()[0] for line in lines[4:-1] if "/any " in line]
    assert "ns/any stands for" in lines[-1]


def test_narrow_table_counts_the_marks_of_a_collapsed_namespace() -> None:
    """Where a namespace stands in one column, its cells' marks are counted, differences first."""
    found = matrix(THIRTY, ["80"], leaks=["marketing/pod-3 -> payments/pod-7"])
    lines = tables(found, 60)

    assert ["marketing/pod-3  X          X           X", "marketing/pod-3  9X 1.      X           X"] == [
        line for line in lines if line.startswith("marketing/pod-3")
    ][:2]
    assert "marketing/pod-3  1! 9X      X           X" in lines


@pytest.mark.parametrize("width", [40, 60, 100, 200])
@pytest.mark.parametrize("pods", [THREE, THIRTY], ids=["3-pods", "30-pods"])
@pytest.mark.parametrize("ports", [["80"], ["80", "53/udp", "8080", "9090"]], ids=["1-port", "4-ports"])
def test_no_table_is_wider_than_the_page(width: int, pods: tuple[str, ...], ports: list[str]) -> None:
    """Whatever the page, a table fits it, and every row keeps its name."""
    lines = tables(matrix(pods, ports, leaks=["marketing/"]), width)[:-1]

    assert width >= max(map(len, lines))
    assert all(line[0] != " " for line in lines if "X" in line or "!" in line)


def test_many_namespaces_come_in_bands() -> None:
    """What is too wide even collapsed comes in bands of columns, each with the names of the rows."""
    pods = [f"namespace-{i}/{pod}" for i in range(9) for pod in ("a", "b")]
    lines = tables(matrix(pods, ["80"]), 60, [View.EXPECTED])

    assert 60 >= max(map(len, lines[:-1]))
    assert 3 == sum(line.startswith("from ") for line in lines)
    assert [f"namespace-{i}/" for i in range(9)] == [w for line in lines for w in line.split() if w.endswith("/")]


def test_nothing_without_cells() -> None:
    """A step without cells has no table."""
    assert [] == tables([], 100)


def test_rows_of_a_namespace_stand_together() -> None:
    """However a scenario orders its pods, those of one namespace stand together, namespaces in order of appearance."""
    pods = ["b/one", "a/one", "b/two", "a/two"]
    lines = tables(matrix(pods, ["80"]), 100, [View.EXPECTED])

    assert ["b/one", "b/two", "a/one", "a/two"] == [line.split()[0] for line in lines[-4:]]


def test_side_by_side_as_soon_as_it_fits() -> None:
    """As many tables stand side by side as just fit; a column narrower, and there is one less."""
    cells = matrix(THREE, ["80"], leaks=[LEAK])
    needed = max(map(len, tables(cells, 1000)))

    assert 8 == len(tables(cells, needed))
    two = tables(cells, needed - 1)
    assert 17 == len(two)
    assert ["expected", "observed"] == two[0].split()
    assert ["", "difference"] == two[8:10]
    assert 26 == len(tables(cells, max(map(len, two)) - 1))
