"""Deliver publications to places outside this machine: a PostgreSQL schema, a bucket."""
