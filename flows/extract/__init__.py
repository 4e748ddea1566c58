"""Find extracts on disk, and fetch those that have to be fetched."""
