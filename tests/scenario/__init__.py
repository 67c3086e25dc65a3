"""Tests of prober.scenario, module by module."""
