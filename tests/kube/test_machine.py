"""What the cluster asks of the machine before there is one: packages, cgroups, the cache's key, the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kube import build, cgroups, needs
from tests.kube.settings import Engine, Plan, Settings


def test_packages_are_all_looked_for(tmp_path: Path) -> None:
    """Where PATH leads nowhere, every package with a program is missing; what has none is found by its files."""
    assert set(needs.packages()) - {"containernetworking-plugins"} <= set(needs.missing(str(tmp_path)))


def test_reasons_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks everything hears of everything, with what to do about it."""
    monkeypatch.setattr(needs, "missing", lambda: ("runc", "socat"))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(needs, "_IPV6", Path("/nowhere"))
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(needs.KubeUnavailableError) as caught:
        needs.require()
    for part in (
        "as root only",
        "user 1000",
        "the kernel has no IPv6",
        "apt-get install --no-install-recommends runc socat",
        "no `go` on PATH",
    ):
        assert part in str(caught.value)


def _version_1(root: Path) -> None:
    for name in ("cpu", "cpuset", "systemd", "perf_event"):
        (root / name).mkdir()
        (root / name / "cgroup.procs").touch()
    for file, value in (("cpuset.cpus", "0-3"), ("cpuset.mems", "0")):
        (root / "cpuset" / file).write_text(value)


def test_hierarchies_of_version_1(tmp_path: Path) -> None:
    """On cgroup 1 it is what kubelet uses and is mounted; a link to a hierarchy is not a second one."""
    _version_1(tmp_path)
    (tmp_path / "cpuacct").symlink_to("cpu")
    assert ["cpu", "cpuset", "systemd"] == [h.name for h in cgroups.hierarchies(tmp_path)]


def test_hierarchy_of_version_2(tmp_path: Path) -> None:
    """On cgroup 2 there is one hierarchy."""
    (tmp_path / "cgroup.controllers").touch()
    assert (tmp_path,) == cgroups.hierarchies(tmp_path)


def test_cgroups_are_made_and_removed(tmp_path: Path) -> None:
    """Each hierarchy gets one for the cluster and one for each node, and loses them with what others made in them."""
    (tmp_path / "cgroup.controllers").touch()
    cgroups.make("stem", ("n1", "n2"), tmp_path)
    assert {"stem"} == cgroups.stems("st", tmp_path)
    assert ["n1", "n2"] == sorted(p.name for p in (tmp_path / "stem").iterdir())
    (tmp_path / "stem" / "n1" / "kubepods" / "pod").mkdir(parents=True)
    cgroups.remove("stem", tmp_path)
    assert [] == list(cgroups.leftovers("stem", tmp_path))
    assert not (tmp_path / "stem").exists()


def test_cgroup_in_use_stays_an_error(tmp_path: Path) -> None:
    """What cannot be removed within its time is said, not forgotten."""
    (tmp_path / "cgroup.controllers").touch()
    (tmp_path / "stem").mkdir()
    (tmp_path / "stem" / "cgroup.procs").write_text("1")
    with pytest.raises(OSError, match="not empty"):
        cgroups.remove("stem", tmp_path, patience=0)


def test_plan_survives_its_text() -> None:
    """What one process writes, the next one reads."""
    plan = Plan(
        name="x",
        settings=Settings(engine=Engine.NFT, deny="reject", fault="late:2s", nodes=3),
        port=4711,
        binaries=Path("/b"),
        images=(Path("/i/a.tar"), Path("/i/b.tar")),
        lasting=True,
    )
    assert plan == Plan.parse(plan.text())


def test_key_changes_with_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cache is keyed by the version and by what the programs are made from."""
    (tmp_path / "go.mod").write_text("one")
    monkeypatch.setattr(build, "_SOURCES", tmp_path)
    monkeypatch.setattr(build, "_compiler", lambda: "go version go1")
    first = build.key()
    assert first.startswith("1.34.4-")
    assert first == build.key()
    (tmp_path / "go.mod").write_text("two")
    assert first != build.key()


@pytest.mark.parametrize("module", ["kube", "coredns"])
def test_modules_are_pinned(module: str) -> None:
    """Every module has its checksums beside it, and Kubernetes is of the version that the cluster claims."""
    folder = needs.HERE / "go" / module
    assert (folder / "go.sum").stat().st_size
    if module == "kube":
        assert f"k8s.io/kubernetes v{build.VERSION}\n" in (folder / "go.mod").read_text()
