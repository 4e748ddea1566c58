"""What the numbers say about the days to come: models that are fitted to what has been observed."""
