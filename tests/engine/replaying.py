"""Build many worlds at once with what dbt was recorded to run, in one DuckDB connection.

The worlds of a batch are apps of one warehouse. What happens to their extracts is done by the
product's own ledger, pruning and merging of identities; only landing is done here, for all of them
in a few statements.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from flows import builds
from flows.builds import Build
from flows.compaction import prune
from flows.errors import AfterhypeError
from flows.land import identities, ledger
from flows.land.configuration import write_configuration
from flows.sources import Sources
from flows.warehouse import create_schemas
from tests import oracle
from tests.engine.recording import LANDED_AT, MARTS, Recording, Statement
from tests.engine.rules import source_name
from tests.engine.worlds import Change, Extract, Fate, World

SEGMENTS = ("platform", "country", "channel", "app_version")
STANDING = (
    "intermediate.int_user_days",
    "intermediate.int_extract_days",
    *(f"marts.{mart}" for mart in MARTS),
)
"""The tables that must be the same whichever way they were built."""

BEGAN = datetime(2026, 6, 1)


@dataclass(kw_only=True)
class Difference:
    """One app of a mart that is not what it should be: rows that lack, and rows that are wrong.

    ``app_id`` is empty for what is no app's.
    """

    app_id: str
    mart: str
    against: str
    missing: list[tuple[object, ...]]
    wrong: list[tuple[object, ...]]

    def __str__(self) -> str:
        return (
            f"{self.app_id}: {self.mart} differs from {self.against}:\n"
            f"  should be there: {self.missing[:3]}\n  should not be there: {self.wrong[:3]}"
        )


class Batch:
    """A warehouse in memory whose apps are worlds, and what an observer knows of them."""

    def __init__(
        self,
        worlds: Sequence[World],
        sources: Sources,
        rules: oracle.Rules,
        recording: Recording,
        raw_days: int = 25,
    ) -> None:
        self.fates = {world.app_id: Fate.of(world) for world in worlds}
        self.sources, self.rules, self.recording = sources, rules, recording
        self.raw_days = raw_days
        self.now = BEGAN
        self.con = duckdb.connect(config={"threads": 1, "preserve_insertion_order": False})
        self.con.execute("set TimeZone = 'UTC'")
        self.con.execute("attach ':memory:' as warehouse")
        self.con.execute("use warehouse")
        create_schemas(self.con)
        write_configuration(self.con, sources)
        self._builds = 0

    def close(self) -> None:
        self.con.close()

    def step(self, number: int) -> None:
        """All that happens to the worlds before their next build."""
        steps = [fate.world.steps[number] for fate in self.fates.values()]
        if number and any(change.what == "prune" for changes in steps for change in changes):
            # first of all: only what has been built may be pruned
            prune(self.con, self.sources, self.raw_days, self._later())
        for fate, changes in zip(self.fates.values(), steps, strict=True):
            for change in changes:
                if change.what == "declare":
                    self._declare(fate, change)
                elif change.what == "unlist":
                    self._unlist(fate, change)
        for position in range(max(map(len, steps), default=0)):
            at_once = [
                (fate, changes[position])
                for fate, changes in zip(self.fates.values(), steps, strict=True)
                if position < len(changes)
            ]
            landing = [
                (fate, fate.world.extract(change.extract))
                for fate, change in at_once
                if change.what == "land" and fate.status.get(change.extract) in (None, "forgotten")
            ]
            if landing:
                self._land(landing)
            for fate, change in at_once:
                if change.what in ("quarantine", "release", "discard", "forget"):
                    self._decide(fate, change)
        self._miss_days(number)

    def build(self, *, full: bool = False) -> Build:
        """Build as the pipeline does: by arrival where there is something to go on from."""
        self._builds += 1
        build = builds.begin(
            self.con, self.sources, f"build{self._builds}", self._later(), full=full
        )
        if not build.by_arrival:
            for schema in ("marts", "intermediate", "staging"):
                self.con.execute(f"drop schema if exists {schema} cascade")
        earliest = self._earliest_arrival(build)
        for statement in self.recording.build(by_arrival=build.by_arrival):
            replay(self.con, statement, earliest)
        builds.finish(self.con, build)
        return build

    def compare_with_the_oracle(self) -> list[Difference]:
        """Where the marts are not what the oracle makes of the visible events."""
        events = [event for fate in self.fates.values() for event in fate.events()]
        watermarks = {
            app_id: watermark
            for app_id, fate in self.fates.items()
            if (watermark := fate.watermark(self.rules)) is not None
        }
        expected = oracle.marts(
            events,
            watermarks,
            self.rules,
            segment_order(self.rules.segments),
            self._missing_days(),
        )
        found = [*self._compare_constants(), *self._times_kept_for_nothing()]
        days = self.con.execute("select app_id, watermark from intermediate.int_app_watermarks")
        found += _differences(
            "int_app_watermarks", "the oracle", set(watermarks.items()), set(days.fetchall())
        )
        # an app whose events are gone may be left with no users, or with no row
        users = self.con.execute("from intermediate.int_app_users where users > 0").fetchall()
        found += _differences(
            "int_app_users", "the oracle", set(expected["int_app_users"]), set(users)
        )
        for mart in MARTS:
            built = self.con.execute(f"from marts.{mart}").fetchall()
            found += _differences(mart, "the oracle", set(expected[mart]), set(built))
            if len(built) != len(set(built)):
                found.append(
                    Difference(app_id="", mart=mart, against="itself", missing=[], wrong=[])
                )
        return found

    def _compare_constants(self) -> list[Difference]:
        """Where what depends on the rules alone is not what they say; of days, those of 3 years."""
        first, last = date(2025, 1, 1), date(2027, 12, 31)
        expected: dict[str, list[tuple[object, ...]]] = {
            "int_long_days": [(day,) for day in oracle.long_days(first, last, self.rules.timezone)],
            "int_brackets": [
                (period, *bracket)
                for period, brackets in self.rules.brackets.items()
                for bracket in brackets
                if bracket[-1] <= oracle.horizon(period, self.rules)
            ],
        }
        found = []
        for table, rows in expected.items():
            days = f"where activity_date between '{first}' and '{last}'"
            where = days if table == "int_long_days" else ""
            built = self.con.execute(f"from intermediate.{table} {where}").fetchall()
            if sorted(built) != sorted(rows):
                found.append(
                    Difference(
                        app_id="", mart=table, against="the rules", missing=rows, wrong=built
                    )
                )
        return found

    def _times_kept_for_nothing(self) -> list[Difference]:
        """The times of events are kept for days of over 24 hours; of others they are a burden."""
        days = self.con.execute(
            "from intermediate.int_user_days anti join intermediate.int_long_days "
            "using (activity_date) where event_times is not null"
        ).fetchall()
        against = "what is kept of a day"
        return [
            Difference(
                app_id=str(day[0]), mart="int_user_days", against=against, missing=[], wrong=[day]
            )
            for day in days
        ]

    def compare_with_a_full_build(self) -> list[Difference]:
        """Where what was built by arrival is not what a full build of the same raw tables makes."""
        for table in STANDING:
            name = table.replace(".", "_")
            self.con.execute(f"create or replace temp table {name} as from {table}")
        self.build(full=True)
        found = []
        for table in STANDING:
            by_arrival = f"temp.{table.replace('.', '_')}"
            missing = self._except(table, by_arrival)
            wrong = self._except(by_arrival, table)
            found += _differences(table, "a full build", set(missing), set(wrong))
        return found

    def _except(self, one: str, other: str) -> list[tuple[object, ...]]:
        rows = self.con.execute(f"from {one} except all from {other}").fetchall()
        # the times of a long day are kept in no order
        return [tuple(str(sorted(v)) if isinstance(v, list) else v for v in row) for row in rows]

    def _later(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def _earliest_arrival(self, build: Build) -> datetime | None:
        unbuilt = "and extract_id not in (from ops.built_extracts)" if build.by_arrival else ""
        row = self.con.execute(
            f"select min(landed_at) from raw.extracts where status = 'landed' {unbuilt}"
        ).fetchone()
        earliest: datetime | None = row[0] if row else None
        return earliest

    def _declare(self, fate: Fate, change: Change) -> None:
        self.con.execute(
            "update raw.event_sources set complete_through = ? where source = ?",
            [change.day, source_name(fate.world.app_id, change.source)],
        )
        fate.note(change)

    def _unlist(self, fate: Fate, change: Change) -> None:
        self.con.execute(
            "delete from raw.event_sources where source = ?",
            [source_name(fate.world.app_id, change.source)],
        )
        fate.note(change)

    def _miss_days(self, number: int) -> None:
        """Say of other days before each build that they lack something, as landing might."""
        self.con.execute("delete from raw.missing_spans")
        self.con.execute(
            """
            insert into raw.missing_spans
            select source, day, day + interval 20 hour, 20
            from (
                select distinct app_id, date_trunc('day', event_time) as day from raw.app_events
            )
            inner join raw.event_sources using (app_id)
            where hash(source || day || $number) % 8 = 0
            """,
            {"number": number},
        )

    def _missing_days(self) -> dict[str, frozenset[date]]:
        """By app, the reporting days that the missing spans touch."""
        found: dict[str, set[date]] = {}
        for app_id, starts_at, ends_at in self.con.execute(
            "select app_id, starts_at, ends_at from raw.missing_spans "
            "inner join raw.event_sources using (source)"
        ).fetchall():
            day = oracle.reporting_day(starts_at, self.rules.timezone)
            last = oracle.reporting_day(ends_at - timedelta(hours=1), self.rules.timezone)
            while day <= last:
                found.setdefault(app_id, set()).add(day)
                day += timedelta(days=1)
        return {app_id: frozenset(days) for app_id, days in found.items()}

    def _decide(self, fate: Fate, change: Change) -> None:
        decide: Mapping[str, Callable[[], None]] = {
            "quarantine": lambda: ledger.quarantine(self.con, extract_id, "by hand"),
            "release": lambda: ledger.release(self.con, extract_id),
            "discard": lambda: ledger.discard(self.con, extract_id),
            "forget": lambda: ledger.forget(self.con, extract_id),
        }
        extract_id = extract_id_of(fate.world, change.extract)
        with suppress(AfterhypeError):  # not of that status, or some of its events are pruned
            decide[change.what]()
            fate.note(change)

    def _land(self, landing: Sequence[tuple[Fate, Extract]]) -> None:
        """What flows.land does with an extract's good rows, for extracts of different apps."""
        at = self._later()
        rows = [
            {
                "app_id": fate.world.app_id,
                "event_id": uuid_of(event.event_id),
                "user_key": user_key(event.user),
                "event_name": event.name,
                "event_time": event.time,
                **{segment: getattr(event, segment) for segment in SEGMENTS},
                "extract_id": extract_id_of(fate.world, extract.name),
            }
            for fate, extract in landing
            for event in extract.events
        ]
        con = self.con
        con.begin()
        con.execute(f"create or replace temp table incoming as {_rows_in_sql(rows, _EVENT)}")
        con.execute(
            "create or replace temp table repeated as "
            "select event_id from incoming semi join raw.visible_event_ids using (app_id, event_id)"
        )
        for table, join in (
            ("raw.app_events", "anti"),
            ("raw.app_event_duplicates", "semi"),
        ):
            con.execute(
                f"insert into {table} by name "
                f"select *, $at as landed_at from incoming {join} join repeated using (event_id)",
                {"at": at},
            )
        con.execute(
            f"""
            insert into raw.extracts by name
            select
                extract_id, source, 'events' as kind, 'custom' as format, extract_id as uri,
                extract_id as checksum, 0 as bytes, $at as modified_at, events as rows_seen,
                events as rows_landed, 0 as rows_rejected, 0 as rows_duplicate,
                max_event_time, 'landed' as status, $at as landed_at,
            from ({
                _rows_in_sql(
                    [
                        {
                            "extract_id": extract_id_of(fate.world, extract.name),
                            "source": source_name(fate.world.app_id, extract.source),
                            "events": len(extract.events),
                            "max_event_time": max((e.time for e in extract.events), default=None),
                        }
                        for fate, extract in landing
                    ],
                    _EXTRACT,
                )
            })
            """,
            {"at": at},
        )
        links = [
            {
                "app_id": fate.world.app_id,
                "anonymous_key": user_key(link.anonymous),
                "user_key": user_key(link.known),
                "event_time": link.time,
                "extract_id": extract_id_of(fate.world, extract.name),
            }
            for fate, extract in landing
            for link in extract.links
        ]
        if links:
            con.execute(
                "insert into raw.identity_links by name "
                f"select *, 'first' as merges from ({_rows_in_sql(links, _LINK)})"
            )
        identities.resolve(
            con, [extract_id_of(fate.world, extract.name) for fate, extract in landing]
        )
        con.commit()
        for fate, extract in landing:
            fate.note(Change("land", extract.name))


_EVENT = {
    "app_id": "varchar",
    "event_id": "uuid",
    "user_key": "uuid",
    "event_name": "varchar",
    "event_time": "timestamp",
    **dict.fromkeys(SEGMENTS, "varchar"),
    "extract_id": "varchar",
}
_EXTRACT = {
    "extract_id": "varchar",
    "source": "varchar",
    "events": "bigint",
    "max_event_time": "timestamp",
}
_LINK = {
    "app_id": "varchar",
    "anonymous_key": "uuid",
    "user_key": "uuid",
    "event_time": "timestamp",
    "extract_id": "varchar",
}


def _rows_in_sql(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> str:
    """A query of literals: for some thousand rows quicker than parameters."""
    listed = ", ".join(
        "(" + ", ".join(_literal(row[column]) for column in types) + ")" for row in rows
    )
    if not rows:
        listed = "(" + ", ".join("null" for _ in types) + ")"
    columns = ", ".join(f"{column}::{kind} as {column}" for column, kind in types.items())
    where = "" if rows else " where false"
    return f"select {columns} from (values {listed}) as given({', '.join(types)}){where}"


def _literal(value: object) -> str:
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def replay(
    con: duckdb.DuckDBPyConnection, statement: Statement, earliest_arrival: datetime | None
) -> None:
    """Run a recorded statement as dbt would here.

    dbt drops a view only where there is one, has a connection for each command, with which its
    temporary tables go, and asks when the first of the arrivals landed.
    """
    sql = statement.sql
    if sql.startswith("drop view"):
        name = sql.split('"')[5]
        if not con.execute("select 1 from duckdb_views() where view_name = ?", [name]).fetchone():
            return
    sql = sql.replace("create temporary table", "create or replace temporary table", 1)
    con.execute(sql.replace(str(LANDED_AT), str(earliest_arrival or datetime(1900, 1, 1))))


def extract_id_of(world: World, name: str) -> str:
    return f"{world.app_id}/{name}"


def uuid_of(text: str) -> uuid.UUID:
    return uuid.UUID(bytes=hashlib.md5(text.encode()).digest())


def user_key(user: str) -> uuid.UUID:
    """The same in every app: what does not tell apps apart then mixes their users up."""
    return uuid_of(user)


def segment_order(segments: tuple[str, ...]) -> Callable[[oracle.Segment], int]:
    """By which segment a tie on the first event is broken: the least of these numbers.

    The first 60 bits of an MD5, as the macro key_of has them.
    """

    def key(values: oracle.Segment) -> int:
        by_name = dict(zip(segments, values, strict=True))
        shown = chr(31).join(by_name.get(segment, "all") for segment in SEGMENTS)
        return int(hashlib.md5(shown.encode()).hexdigest()[:15], 16)

    return key


def _differences(
    mart: str, against: str, expected: set[tuple[object, ...]], found: set[tuple[object, ...]]
) -> list[Difference]:
    missing, wrong = expected - found, found - expected
    app_ids = sorted({str(row[0]) for row in missing | wrong})
    return [
        Difference(
            app_id=app_id,
            mart=mart,
            against=against,
            missing=sorted((row for row in missing if row[0] == app_id), key=repr),
            wrong=sorted((row for row in wrong if row[0] == app_id), key=repr),
        )
        for app_id in app_ids
    ]
