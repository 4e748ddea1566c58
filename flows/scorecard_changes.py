"""Tell what the scorecard says now and did not say in the publication before."""

from __future__ import annotations

from datetime import datetime

import duckdb

from flows.sql import has_columns

PUBLICATIONS_KEPT = 30
"""How many publications' changes the published file holds."""

_MILESTONES = (1, 7, 30, 60)
_SAID = {
    "watermark": ("date", "last reporting day fully landed"),
    "users": ("bigint", "users in cohorts"),
    "cohorts": ("bigint", "cohort days up to the watermark"),
    "verdict": ("varchar", "verdict"),
    "verdict_confidence": ("double", "confidence of the verdict, as a fraction"),
    **{f"d{n}_cohorts": ("bigint", f"cohorts that had completed day {n}") for n in _MILESTONES},
    **{f"d{n}_rate": ("double", f"classic day-{n} rate, as a fraction") for n in _MILESTONES},
}

COLUMNS = {
    "publication_id": "The publication that says it anew.",
    "compared_with": "The publication before it.",
    "published_at": "When the run that published it began, in UTC.",
    "app_id": "The app.",
    "is_new_app": "True where the publication before had no scorecard of it.",
    **{
        f"{when}_{name}": f"The {meaning}, {then}."
        for name, (_, meaning) in _SAID.items()
        for when, then in (("old", "in the publication before"), ("new", "now"))
    },
}
"""The columns of the table ``scorecard_changes`` and what each says."""


def write_scorecard_changes(
    con: duckdb.DuckDBPyConnection, publication_id: str, built_at: datetime
) -> None:
    """Create the table ``scorecard_changes`` beside the new marts of ``con``'s main schema.

    Expects the file published before as ``previous`` if there is one. One row per publication and
    app of which the scorecard says anything new; those of earlier publications are carried over.
    The first publication changes nothing. ``built_at`` is naive UTC.
    """
    said = ", ".join(
        f"{when}_{name} {type_}" for name, (type_, _) in _SAID.items() for when in ("old", "new")
    )
    con.execute(
        f"""
        create table scorecard_changes (
            publication_id varchar not null, compared_with varchar not null,
            published_at timestamp not null, app_id varchar not null, is_new_app boolean not null,
            {said}
        )
        """
    )
    con.execute(
        "comment on table scorecard_changes is 'One row per publication and app of which the "
        "scorecard says anything that it did not say in the publication before.'"
    )
    for column, comment in COLUMNS.items():
        con.execute(f"comment on column scorecard_changes.{column} is '{comment}'")
    (here,) = con.execute("select current_database()").fetchone() or ("",)
    needed = ("app_id", *_SAID)
    if has_columns(con, here, "app_scorecard", needed) and has_columns(
        con, "previous", "app_scorecard", needed
    ):
        _compare(con, publication_id, built_at)
    if has_columns(con, "previous", "scorecard_changes", tuple(COLUMNS)):
        con.execute(
            """
            insert into scorecard_changes by name
            from previous.scorecard_changes
            qualify dense_rank() over (order by publication_id desc) < $kept
            """,
            {"kept": PUBLICATIONS_KEPT},
        )


def _compare(con: duckdb.DuckDBPyConnection, publication_id: str, built_at: datetime) -> None:
    said = ", ".join(f"old.{name} as old_{name}, new.{name} as new_{name}" for name in _SAID)
    differs = " or ".join(f"old.{name} is distinct from new.{name}" for name in _SAID)
    con.execute(
        f"""
        insert into scorecard_changes by name
        select
            $publication_id as publication_id,
            (select publication_id from previous.publication) as compared_with,
            $built_at::timestamp as published_at,
            new.app_id,
            old.app_id is null as is_new_app,
            {said},
        from app_scorecard as new
        left join previous.app_scorecard as old on new.app_id = old.app_id
        where {differs}
        order by new.app_id
        """,
        {"publication_id": publication_id, "built_at": built_at},
    )
