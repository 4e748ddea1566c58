"""Benchmarks: what landing, building, one more day and asking cost. `make bench` runs them all."""
