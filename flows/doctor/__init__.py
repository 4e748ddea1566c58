"""Checks of what afterhype runs on: each finds something out and says how to mend it."""
