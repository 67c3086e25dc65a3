"""Tests of prober/workloads."""
