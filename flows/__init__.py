"""afterhype's pipeline: extracts go in, audited cohort-retention marts and a report come out."""
