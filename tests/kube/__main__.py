"""The commands `up`, `down` and `kubeconfig`: a cluster that lasts until it is taken down."""

from __future__ import annotations

import argparse
import sys
import time

from tests.kube.cluster import Cluster, ClusterFailedError
from tests.kube.needs import KubeUnavailableError
from tests.kube.presence import end, names, running
from tests.kube.settings import Engine, Settings


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.kube", description="a closed-off Kubernetes on this machine")
    parser.add_argument("--name", default="default", help="of the cluster; several can run side by side")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="make it, or make its agents enforce in another way; prints its kubeconfig")
    up.add_argument("--engine", type=Engine, choices=list(Engine), default=Engine.NONE)
    up.add_argument("--deny", choices=("drop", "reject"), default="drop")
    up.add_argument("--fault", default="", help="the agents lie, as the lab does with this --fault")
    up.add_argument("--node", default="", help="only this node's agent gets the fault: n1, n2")
    up.add_argument("--serve", type=int, action="append", default=[], help="a TCP port of the external host")
    down = commands.add_parser("down", help="end it; nothing is left")
    down.add_argument("--all", action="store_true", help="every cluster of this machine")
    commands.add_parser("kubeconfig", help="print the path of its kubeconfig")
    commands.add_parser("logs", help="print the end of every log")
    options = parser.parse_args()
    try:
        match options.command:
            case "up":
                return _up(options)
            case "down":
                ended = [n for n in (names() if options.all else (options.name,)) if end(n)]
                print(f"ended: {' '.join(ended) or 'nothing'}", file=sys.stderr)
                return 0
            case command:
                plan = running(options.name)
                if plan is None:
                    print(f"no cluster {options.name} runs", file=sys.stderr)
                    return 1
                if command == "kubeconfig":
                    print(plan.kubeconfig)
                else:
                    with Cluster(name=options.name) as cluster:
                        print(cluster.logs())
                return 0
    except (KubeUnavailableError, ClusterFailedError) as error:
        print(error, file=sys.stderr)
        return 3


def _up(options: argparse.Namespace) -> int:
    started = time.monotonic()
    whole = "" if options.node else options.fault
    was = running(options.name)
    settings = Settings(engine=options.engine, deny=options.deny, fault=whole)
    try:
        with Cluster(settings, name=options.name, lasting=True) as cluster:
            if was is not None and options.engine is Engine.NFT:
                cluster.enforce(deny=options.deny, fault=whole)
            if options.node:
                cluster.enforce(deny=options.deny, fault=options.fault, nodes=(options.node,))
            for port in options.serve:
                if f"external-{port}" not in cluster.processes():
                    cluster.serve(port)
            print(cluster.kubeconfig)
    except ClusterFailedError:
        if was is None:
            end(options.name)
        raise
    print(f"up in {time.monotonic() - started:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
