"""The measured programs, one process each: `python -m bench.measured.<name>`.

Those of other tools run under another interpreter, so nothing in here imports more than it times.
"""
