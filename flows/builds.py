"""Keep account of the builds: what the marts hold, and whether the next build can go on from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from flows.definition import dbt_variables, definition_hash
from flows.errors import AfterhypeError
from flows.sources import Sources

DUCKDB = f"duckdb {duckdb.__version__}"
"""The engine that builds unless another one is named."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One build: by arrival, or of everything anew, and in words why."""

    build_id: str
    by_arrival: bool
    reason: str


def pending(con: duckdb.DuckDBPyConnection, sources: Sources) -> str | None:
    """In words, what the marts do not hold yet; None when they hold all that has landed."""
    last = _last(con)
    if last is None:
        return "nothing was built yet"
    if last[1] is None:
        return "the last build was not finished"
    if last[0].split(" ")[0] != definition_hash(sources):
        return "the definitions have changed"
    unseen = con.execute(
        "select count(*) from raw.extracts where status = 'landed' and kind = 'events' "
        "and extract_id not in (from ops.built_extracts)"
    ).fetchone()
    if unseen and unseen[0]:
        return f"{unseen[0]} extracts have landed since the last build"
    if con.execute("select 1 from ops.disturbed_events limit 1").fetchone():
        return "extracts have been quarantined, released or deleted since the last build"
    return None


def user_day_definition(sources: Sources) -> str:
    """A hash of the definitions by which events become user-days."""
    defining = {"reporting_timezone", "segments", "event_rules"}
    variables = {k: v for k, v in dbt_variables(sources).items() if k in defining}
    return hashlib.sha256(json.dumps(variables, sort_keys=True).encode()).hexdigest()[:16]


def begin(
    con: duckdb.DuckDBPyConnection,
    sources: Sources,
    build_id: str,
    now: datetime,
    *,
    engine: str = DUCKDB,
    full: bool = False,
) -> Build:
    """Note that a build begins, and decide what it has to do. ``now`` is naive UTC.

    A build that is begun and not finished leaves tables that are neither old nor new, so that the
    one after it makes everything anew; so does a change of definitions, or of the ``engine``, whose
    tables those are. Raises AfterhypeError when raw events have been pruned that new
    definitions would have to be applied to.
    """
    kept = con.execute("select distinct definition from ops.prunings").fetchall()
    if any(definition != user_day_definition(sources) for (definition,) in kept):
        raise AfterhypeError(
            "timezone, segments or event rules of the sources file have changed, but raw events "
            "have been pruned under the old ones and cannot be counted anew. Put the old ones "
            "back, or land the old extracts into a new --home."
        )
    definition, last = _definition(sources, engine), _last(con)
    if full:
        by_arrival, reason = False, "it was asked for"
    elif last is None:
        by_arrival, reason = False, "nothing was built yet"
    elif last[1] is None:
        by_arrival, reason = False, "the last build was not finished"
    elif last[0].split(" ")[0] != definition.split(" ")[0]:
        by_arrival, reason = False, "the definitions have changed"
    elif last[0] != definition:
        by_arrival, reason = False, "the engine has changed"
    else:
        by_arrival, reason = True, "the last build left all in order"
    con.execute(
        "insert into ops.builds values (?, ?, ?, ?, null)", [build_id, definition, by_arrival, now]
    )
    return Build(build_id=build_id, by_arrival=by_arrival, reason=reason)


def finish(con: duckdb.DuckDBPyConnection, build: Build) -> None:
    """Note that a build is done, and what the marts hold now. The caller holds the writer lock."""
    con.begin()
    con.execute("delete from ops.disturbed_events")
    con.execute(
        "delete from ops.built_extracts where extract_id not in "
        "(select extract_id from raw.extracts where status = 'landed')"
    )
    con.execute(
        "insert or ignore into ops.built_extracts "
        "select extract_id from raw.extracts where status = 'landed' and kind = 'events'"
    )
    con.execute(
        "update ops.builds set finished_at = ? where build_id = ?",
        [datetime.now(UTC).replace(tzinfo=None), build.build_id],
    )
    con.commit()


def _definition(sources: Sources, engine: str) -> str:
    return f"{definition_hash(sources)} {engine}"


def _last(con: duckdb.DuckDBPyConnection) -> tuple[str, datetime | None] | None:
    """Definition and end of the build that was begun last."""
    row: tuple[str, datetime | None] | None = con.execute(
        "select definition, finished_at from ops.builds "
        "order by started_at desc, rowid desc limit 1"
    ).fetchone()
    return row
