"""The embedded lab: pods are network namespaces, nftables enforces, real packets flow; nothing leaves it."""

# Not imported at once: the lab's own process, which is counted in milliseconds, comes through here too.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from prober.cluster.lab.cluster import LabCluster

__all__ = ["LabCluster"]


def __getattr__(name: str) -> object:
    if name == "LabCluster":
        from prober.cluster.lab.cluster import LabCluster

        return LabCluster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
