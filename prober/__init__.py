"""Proves that a Kubernetes cluster's network plugin really enforces its network policies."""

__version__ = "0.1.0"
