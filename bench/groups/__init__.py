"""The groups of benchmarks: each prepares its data, measures, and gives back its measurements."""
