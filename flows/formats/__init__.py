"""The formats of extracts: how each becomes canonical columns."""
