"""Look at an export that nobody has described yet: what it is, and how to land it."""
