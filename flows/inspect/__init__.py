"""Look at an export that nobody has described yet: its format, an entry for it, what would land."""
