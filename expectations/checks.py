"""What a check and a suite are, in plain data: no engine, no Great Expectations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]
Stage = Literal["raw", "mart"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One expectation, stated as the query for the rows that break it.

    ``expectation`` says in words what holds, ``meaning`` why it matters. ``violations`` reads from
    ``{batch}`` and returns no row when all is well; it selects nothing that identifies a user. In a
    raw suite every row is one offending extract: ``extract_id`` and ``unexpected_count`` (how many
    of its rows break the expectation), then the numbers that show it. In a mart suite every row is
    one offending row of the mart.
    """

    expectation: str
    meaning: str
    severity: Severity
    violations: str


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The checks of one table. ``batch`` is the query for the rows that are judged.

    ``subject`` names them in reports; ``prepare`` runs once per connection, before the first check.
    """

    name: str
    stage: Stage
    subject: str
    batch: str
    checks: tuple[Check, ...]
    prepare: tuple[str, ...] = ()

    def violations_query(self, check: Check) -> str:
        """The query that a check of this suite comes to, as Great Expectations runs it."""
        return check.violations.format(batch=f"({self.batch})")


def critical(expectation: str, meaning: str, violations: str) -> Check:
    """A check that stops what it judges."""
    return Check(
        expectation=expectation, meaning=meaning, severity="critical", violations=violations
    )


def warning(expectation: str, meaning: str, violations: str) -> Check:
    """A check that is reported and stops nothing."""
    return Check(
        expectation=expectation, meaning=meaning, severity="warning", violations=violations
    )


def grain(columns: str) -> Check:
    """Critical: ``columns``, separated by commas, identify a row and are never null."""
    absent = " or ".join(f"{column} is null" for column in columns.split(", "))
    # first by their hashes, which are narrower: only rows of equal hashes can be equal
    return critical(
        f"one row per {columns}",
        "A repeated row would be counted twice by every tool that sums the mart.",
        f"with suspects as (select hash({columns}) as hashed from {{batch}} group by hashed"
        " having count(*) > 1)"
        f" select {columns}, count(*) as rows_found from {{batch}}"
        f" where hash({columns}) in (from suspects) or {absent}"
        f" group by {columns} having count(*) > 1 or {absent}",
    )
