"""The gates' suites as code: what must hold of raw data and of marts, and how much it matters."""
