"""Keep account of the builds: what the marts hold, and whether the next build can go on from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

import duckdb

from flows.definition import dbt_variables, definition_hash
from flows.errors import AfterhypeError
from flows.mapping_text import said_to_models
from flows.sources import Sources

DUCKDB = f"duckdb {duckdb.__version__}"
"""The engine that builds unless another one is named."""


Input = Literal["events", "ranks", "installs", "reviews", "configuration"]
"""What marts are made of. A build by arrival leaves alone what no changed input flows into."""

INPUTS: tuple[Input, ...] = get_args(Input)

_IN_WORDS: dict[str, str] = {
    "events": "extracts of events",
    "ranks": "charts",
    "installs": "store reports",
    "reviews": "reviews",
    "configuration": "what the sources file says of apps and sources",
}
"""What has changed, where it is not known better."""

_CONFIGURATION = ("raw.apps", "raw.app_store_ids", "raw.event_sources", "raw.launch_notes")


@dataclass(frozen=True, kw_only=True)
class Build:
    """One build: by arrival, or of everything anew, and in words why.

    ``changed`` names the inputs that are not what they were at the last build.
    """

    build_id: str
    by_arrival: bool
    reason: str
    changed: tuple[Input, ...] = INPUTS


def unpublished(con: duckdb.DuckDBPyConnection, sources: Sources) -> str | None:
    """In words, what the last publication does not hold yet; None when nothing is new.

    Whoever wants to know whether there is anything new asks here: a run, the status, a
    verification.
    """
    if reason := pending(con, sources):
        return reason
    last = con.execute(
        "select fingerprint from ops.publications order by published_at desc, rowid desc limit 1"
    ).fetchone()
    if last is None:
        return "nothing was published yet"
    if not last[0] or last[0] != built_fingerprint(con):
        return "the last build is not published yet"
    return None


def built_fingerprint(con: duckdb.DuckDBPyConnection) -> str:
    """A hash of all that the marts of the last build are made of; empty where it is not known."""
    last, inputs = _last(con), _last_inputs(con)
    if last is None or last[1] is None or inputs is None:
        return ""
    made_of = [last[0].split(" ")[0], {name: inputs.get(name) for name in _IN_WORDS}]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


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
    before, now = _last_inputs(con), _inputs(con, sources)
    if before is not None:
        changed = [words for name, words in _IN_WORDS.items() if before.get(name) != now.get(name)]
        if changed:
            return f"since the last build have changed: {', '.join(changed)}"
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
    by_arrival, reason = _decide(con, sources, engine, full)
    inputs = _inputs(con, sources)
    changed = _changed(con, inputs) if by_arrival else INPUTS
    con.execute(
        "insert into ops.builds by name select ? as build_id, ? as definition, "
        "? as is_by_arrival, ? as started_at, ? as inputs",
        [build_id, _definition(sources, engine), by_arrival, now, json.dumps(inputs)],
    )
    return Build(build_id=build_id, by_arrival=by_arrival, reason=reason, changed=changed)


def _decide(
    con: duckdb.DuckDBPyConnection, sources: Sources, engine: str, full: bool
) -> tuple[bool, str]:
    """Whether a build can go on from what stands, and in words why."""
    definition, last = _definition(sources, engine), _last(con)
    if full:
        return False, "it was asked for"
    if last is None:
        return False, "nothing was built yet"
    if last[1] is None:
        return False, "the last build was not finished"
    if last[0].split(" ")[0] != definition.split(" ")[0]:
        return False, "the definitions have changed"
    if last[0] != definition:
        return False, "the engine has changed"
    return True, "the last build left all in order"


def _inputs(con: duckdb.DuckDBPyConnection, sources: Sources) -> dict[str, str]:
    """A hash of each input, and of what was pruned: equal ones are the same rows in raw tables.

    The configuration is also what ``sources`` says, which the next run writes into its tables.
    """
    configuration = " union all ".join(
        f"select '{table}' as name, to_json(given)::varchar as line from {table} as given"
        for table in _CONFIGURATION
    )
    said = [
        sources.model_dump_json(include={"apps", "launch_notes"}),
        *map(said_to_models, sources.events),
    ]
    rows: list[tuple[str, str]] = con.execute(
        f"""
        with

        ledger as (
            select
                kind as input,
                concat_ws(
                    ' ',
                    extract_id,
                    status,
                    rows_landed,
                    rows_rejected,
                    -- a failed one is tried again by each run, and still brings nothing
                    if(status = 'failed', null, landed_at)
                ) as line,
            from raw.extracts
        ),

        snapshots as (
            select 'ranks' as input, concat_ws(' ', status, count(*), max(landed_at)) as line
            from raw.chart_snapshots
            group by status
        ),

        holes as (
            select 'events' as input, concat_ws(' ', source, starts_at, ends_at) as line
            from raw.missing_spans
        ),

        prunings as (
            select 'prunings' as input, pruned_at::varchar as line from ops.prunings
        ),

        configuration as (
            select 'configuration' as input, concat_ws(' ', name, line) as line
            from ({configuration})
            union all
            select 'configuration', unnest($said::varchar[])
        ),

        lines as (
            from ledger
            union all from snapshots
            union all from holes
            union all from prunings
            union all from configuration
        )

        select input, md5(string_agg(line, chr(10) order by line)) from lines group by input
        """,
        {"said": said},
    ).fetchall()
    return dict(rows)


def _last_inputs(con: duckdb.DuckDBPyConnection) -> dict[str, str] | None:
    """The hashes of the inputs of the build that was begun last; None where it noted none."""
    row = con.execute(
        "select inputs from ops.builds order by started_at desc, rowid desc limit 1"
    ).fetchone()
    inputs: dict[str, str] | None = json.loads(row[0]) if row and row[0] else None
    return inputs


def _changed(con: duckdb.DuckDBPyConnection, inputs: dict[str, str]) -> tuple[Input, ...]:
    """The inputs that differ from those of the last build; all where it did not note them.

    Also all where the sources file says something else: it moves watermarks, and with them users
    whom no event has touched.
    """
    before = _last_inputs(con)
    if before is None:
        return INPUTS
    if inputs.get("configuration") != before.get("configuration"):
        return INPUTS
    disturbed = con.execute("select 1 from ops.disturbed_events limit 1").fetchone()
    other_events = disturbed or inputs.get("prunings") != before.get("prunings")
    return tuple(
        name
        for name in INPUTS
        if inputs.get(name) != before.get(name) or (name == "events" and other_events)
    )


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
