"""The embedded lab: pods are network namespaces, nftables enforces, real packets flow; nothing leaves it."""
