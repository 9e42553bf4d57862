"""Benchmarks: figures that are ratios measured within one run, on texts no cache has seen."""
