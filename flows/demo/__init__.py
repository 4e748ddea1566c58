"""The demo: simulated apps of known retention, delivered as careless vendors do."""
