"""One small shop, payments and marketing, whose flows are explained."""

from __future__ import annotations

from prober.model import External, NetworkPolicy
from prober.oracle import explain
from tests.oracle.build import (
    addresses,
    judged,
    pod,
    policy,
    service,
    state,
    target_port,
)

API = pod("pay/api", "app=api", at="10.244.0.1")
DB = pod("pay/db", "app=postgres", ports="sql=5432 other=5433", at="10.244.0.2")
WEB = pod("mk/web", "app=web", at="10.244.0.3")
PG = service("pay/pg", "app=postgres", target_port(80, 5432), at="10.96.0.7")
PARTNER = External(name="partner", addresses=addresses("203.0.113.10"))
DENY = policy("pay/default-deny", ingress=[], egress=[])
TO_DB = "pay/api -> pay/db:5432"


def words(text: str, *policies: NetworkPolicy) -> list[str]:
    """Explain a flow, line by line."""
    given = state(API, DB, WEB, PG, PARTNER, *policies, namespaces={"mk": "team=mkt"})
    return explain(judged(given, text), given).splitlines()
