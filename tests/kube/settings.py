"""What a cluster is to be, and where the little that the host sees of it is; handed from process to process as text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

STEM = "prober-kube-"


class Engine(StrEnum):
    """Who enforces policies: nobody, or the project's own agent with the lab's nftables compiler."""

    NONE = "none"
    NFT = "nft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What somebody who asks for a cluster can choose; the agents' fault and way to deny can be changed later."""

    engine: Engine = Engine.NONE
    deny: str = "drop"
    fault: str = ""
    nodes: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that the cluster's processes must know before they start."""

    name: str
    settings: Settings
    port: int  # of the API server, on the host's loopback
    binaries: Path
    images: tuple[Path, ...]
    lasting: bool  # outlives its users: only `down` ends it

    @property
    def stem(self) -> str:
        """What its folder, its cgroups and its context are called."""
        return f"{STEM}{self.name}"

    @property
    def folder(self) -> Path:
        return folder(self.name)

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def control(self) -> Path:
        """The socket on which the cluster takes requests."""
        return self.folder / "control"

    @property
    def failure(self) -> Path:
        """Where the reason stands if the cluster does not come up."""
        return self.folder / "failure"

    @property
    def alive(self) -> Path:
        """The file that the keeper has locked as long as it lives."""
        return self.folder / "alive"

    @property
    def users(self) -> Path:
        """The file that everybody who uses the cluster has locked together."""
        return self.folder / "users"

    @property
    def file(self) -> Path:
        """Where the plan itself stands."""
        return self.folder / "plan.json"

    def text(self) -> str:
        return json.dumps({**asdict(self), "binaries": str(self.binaries), "images": [str(i) for i in self.images]})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the plan that `text` gave."""
        plain = json.loads(text)
        settings = Settings(**{**plain["settings"], "engine": Engine(plain["settings"]["engine"])})
        paths = {"binaries": Path(plain["binaries"]), "images": tuple(map(Path, plain["images"]))}
        return cls(**{**plain, **paths, "settings": settings})


def folder(name: str) -> Path:
    """Return where a cluster of that name has its folder, whether there is one or not."""
    return Path("/tmp") / f"{STEM}{name}"  # not TMPDIR: whoever looks for a cluster must look in the same place
