"""Data Docs that open without a network: Great Expectations' content in pages of our own."""
