"""The library on a real cluster: its covering part is green there."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run
from tests.cli.test_kube import there
from tests.kube.cluster import Cluster
from tests.scenarios.test_library import LIBRARY

pytestmark = [pytest.mark.kube, pytest.mark.long]


def test_covering_part_is_green(prober: Run, kube_nft: Cluster) -> None:
    """Every scenario tagged `smoke` is proved on a cluster that enforces, or skipped for what a cluster has not."""
    wanted = ("--tag", "smoke", "--hold", "1", "--budget", "600s", "--report", "json=-")
    code, out, err = prober("run", LIBRARY, *there(kube_nft), *wanted)

    assert 0 == code, out[-3000:] + err
    found = {s["name"]: s["status"] for s in json.loads(out)["scenarios"]}
    assert {"PASS", "SKIPPED"} == set(found.values())
    assert {"egress-to-the-outside", "host-network"} <= {n for n, status in found.items() if status == "SKIPPED"}
