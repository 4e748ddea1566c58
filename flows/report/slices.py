"""Reads retention counts by definition, period and segment, small enough to stand in a page.

Counts are sums over complete cells only, as in `fct_retention_curves`; rates are left to whoever
draws them. Days are reporting days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

TABLES = (
    "fct_retention_curves",
    "fct_cohort_retention_daily",
    "fct_cohort_retention_weekly",
    "fct_cohort_retention_monthly",
)
PERIODS = {
    "day": "fct_cohort_retention_daily",
    "week": "fct_cohort_retention_weekly",
    "month": "fct_cohort_retention_monthly",
}
SEGMENTS = ("platform", "country", "channel", "app_version")
VALUES_SHOWN = 8
"""Values of one segment that are offered, those of most users first."""

ALL = "all"
_DEFINITIONS = {
    "classic": ("sum(r.eligible_users)", "sum(r.retained_users)"),
    "unbounded": ("sum(r.eligible_users)", "sum(r.returned_users)"),
    "window_24h": (
        "sum(r.eligible_users) filter (where r.retained_users_24h is not null)",
        "sum(r.retained_users_24h)",
    ),
}
"""Eligible and retained users; both are NULL in cells that are not complete."""


@dataclass(frozen=True)
class Slice:
    """One row per app, segment value, period and definition; `segment` and `value` may be `all`.

    Lists are parallel: `firsts` to `lasts` are the period_n (equal but for brackets), ascending
    from 0 to the horizon. `eligible` and `retained` are None where no cohort is complete.
    """

    app_id: str
    segment: str
    value: str
    period: str
    definition: str
    firsts: list[int]
    lasts: list[int]
    eligible: list[int | None]
    retained: list[int | None]


def read_slices(con: duckdb.DuckDBPyConnection) -> list[Slice]:
    """The slices of tracked apps: all users first, then each segment's values by their users.

    A segment is left out where all users have one value of it. Brackets are of all users only:
    a user counts once per bracket, so they cannot be added up from days.
    """
    found = [*_read_brackets(con)]
    for period in PERIODS:
        found += _read_period(con, period)
    return found


def _read_period(con: duckdb.DuckDBPyConnection, period: str) -> list[Slice]:
    n = f"{period}_n"
    counts = ",\n                ".join(
        f"cast({eligible} as bigint) as {name}_eligible, "
        f"cast({retained} as bigint) as {name}_retained"
        for name, (eligible, retained) in _DEFINITIONS.items()
    )
    sets = ", ".join(f"(r.app_id, r.{n}, r.{segment})" for segment in SEGMENTS)
    segment = " ".join(f"when grouping(r.{name}) = 0 then '{name}'" for name in SEGMENTS)
    value = ", ".join(f"r.{name}" for name in SEGMENTS)
    lists = ",\n            ".join(
        f"list({name}_{side} order by n)"
        for name in _DEFINITIONS
        for side in ("eligible", "retained")
    )
    rows = con.execute(
        f"""
        with counts as (
            select
                r.app_id,
                case {segment} else '{ALL}' end as segment,
                coalesce({value}, '{ALL}') as value,
                r.{n} as n,
                cast(sum(r.cohort_users) as bigint) as users,
                {counts},
            from marts.{PERIODS[period]} as r
            inner join marts.dim_apps as a on r.app_id = a.app_id and a.is_tracked
            group by grouping sets ((r.app_id, r.{n}), {sets})
        ),
        slices as (
            select
                app_id,
                segment,
                value,
                max(users) as users,
                list(n order by n) as ns,
                {lists},
            from counts
            group by app_id, segment, value
        ),
        ranked as (
            select
                *,
                count(*) over (partition by app_id, segment) as kinds,
                row_number() over (
                    partition by app_id, segment order by users desc, value
                ) as place,
            from slices
        )
        select * exclude (users, kinds, place) from ranked
        where segment = '{ALL}' or (kinds > 1 and place <= {VALUES_SHOWN})
        order by app_id, segment <> '{ALL}', list_position({list(SEGMENTS)}, segment), place
        """
    ).fetchall()
    return [
        _slice(row[:3], period, definition, row[3], row[4 + 2 * i], row[5 + 2 * i])
        for row in rows
        for i, definition in enumerate(_DEFINITIONS)
    ]


def _slice(
    of: tuple[str, str, str],
    period: str,
    definition: str,
    ns: list[int],
    eligible: list[int | None],
    retained: list[int | None],
) -> Slice:
    return Slice(*of, period, definition, ns, ns, eligible, retained)


def _read_brackets(con: duckdb.DuckDBPyConnection) -> list[Slice]:
    rows: list[tuple[Any, ...]] = con.execute(
        f"""
        select
            c.app_id,
            '{ALL}',
            '{ALL}',
            c.period,
            c.definition,
            list(c.period_n order by c.period_n),
            list(c.period_n_end order by c.period_n),
            list(c.eligible_users order by c.period_n),
            list(c.retained_users order by c.period_n),
        from marts.fct_retention_curves as c
        inner join marts.dim_apps as a on c.app_id = a.app_id and a.is_tracked
        where c.definition = 'bracket'
        group by c.app_id, c.period, c.definition
        order by c.app_id, c.period
        """
    ).fetchall()
    return [Slice(*row) for row in rows]
