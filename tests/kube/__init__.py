"""A real two-node Kubernetes on this machine, closed off from every other network: the cluster of the `kube` tests."""
