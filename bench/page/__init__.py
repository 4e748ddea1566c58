"""What the measurements look like on paper: docs/benchmarks.md and docs/benchmarks.svg."""
