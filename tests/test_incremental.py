"""Any order, overlap or retraction of extracts ends in the marts of a full build and of the oracle.

One world the whole way: files land, dbt builds, `verify` compares. Hundreds of them are tried in
tests/engine, with what dbt was recorded to run. The oracle (oracle.py) is written from the
definitions and knows nothing of the SQL.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import yaml

from flows import stages
from flows.compaction import prune
from flows.errors import AfterhypeError
from flows.land import ledger
from flows.verify import verify
from flows.warehouse import connect
from tests import oracle
from tests.engine.recording import MARTS
from tests.engine.replaying import SEGMENTS, segment_order
from tests.engine.worlds import DAYS, SPANS, history

APPS = ("plain", "ruled", "invited")

SEED = 104
"""Of the one world that is tried. The cases below occur in it."""

CASES = (
    "landed, then quarantined",
    "quarantined, then landed",
    "quarantined, then discarded",
    "moves back",
    "pruned",
)


@dataclass
class Extract:
    """One file to be landed, and what has become of it."""

    app_id: str
    name: str
    events: list[oracle.Event]
    status: str = "not landed"
    extract_id: str = ""


@dataclass
class World:
    """A home, its sources file, and what an observer outside knows of the extracts in it."""

    folder: Path
    rules: oracle.Rules
    extracts: list[Extract]
    declared: dict[str, date] = field(default_factory=dict)
    allowance: int = 0
    raw_days: int = 60

    @property
    def run(self) -> stages.Run:
        run = stages.begin(self.folder / "home", self.folder / "sources.yml")
        stages.prepare(run)
        return run

    def write_sources(self) -> None:
        document = {
            "timezone": self.rules.timezone,
            "week_start": self.rules.week_start,
            "horizon_days": self.rules.horizon_days,
            "late_data_allowance_days": self.allowance,
            "raw_retention_days": self.raw_days,
            "segments": list(self.rules.segments),
            "brackets": {p: [list(b) for b in bs] for p, bs in self.rules.brackets.items()},
            "apps": [
                {
                    "app_id": app_id,
                    "name": app_id,
                    "activity_events": sorted(self.rules.activity_events.get(app_id, ())),
                    "cohort_events": sorted(self.rules.cohort_events.get(app_id, ())),
                    "creation_events": ["like"],
                    "sharing_events": ["push"],
                }
                for app_id in APPS
            ],
            "events": [
                {
                    "name": f"{app_id}_events",
                    "app_id": app_id,
                    "uri": f"exports/{app_id}/*.csv",
                    "format": "custom",
                    "reader": {"type": "csv"},
                    "columns": {
                        "user_id": "user_id",
                        "event_time": "at",
                        "event_name": "name",
                        "event_id": "id",
                        **{segment: segment for segment in SEGMENTS},
                    },
                }
                | ({"complete_through": self.declared[app_id]} if app_id in self.declared else {})
                for app_id in APPS
            ],
        }
        (self.folder / "sources.yml").write_text(yaml.safe_dump(document), encoding="utf-8")

    def land(self, extract: Extract) -> None:
        path = self.folder / "exports" / extract.app_id / f"{extract.name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "user_id", "name", "at", *SEGMENTS])
            for e in extract.events:
                time = f"{e.time.isoformat()}Z"
                segments = [getattr(e, s) or "" for s in SEGMENTS]
                writer.writerow([e.event_id, e.user, e.name, time, *segments])
        run = self.run
        (source,) = [s for s in run.sources.events if s.app_id == extract.app_id]
        landing = stages.land_source(run, source, lambda _done, _all: None)
        assert landing.failed == ()
        (extract.extract_id,) = landing.landed
        extract.status = "landed"

    def change(self, extract: Extract, status: str) -> None:
        with connect(self.run.settings) as con:
            if status == "quarantined":
                try:
                    ledger.quarantine(con, extract.extract_id, "by hand")
                except AfterhypeError:  # some of its events have been pruned
                    return
            elif status == "landed":
                ledger.release(con, extract.extract_id)
            else:
                ledger.discard(con, extract.extract_id)
        extract.status = status

    def prune(self) -> int:
        """Prune old raw events; how many there were."""
        run = self.run
        with connect(run.settings) as con:
            return prune(con, run.sources, self.raw_days, run.now)

    def expected(self) -> dict[str, list[tuple[object, ...]]]:
        visible = [x for x in self.extracts if x.status == "landed"]
        events = {(e.app_id, e.event_id): e for x in visible for e in x.events}
        watermarks = {}
        for app_id in APPS:
            times = [oracle.reach(x.events) for x in visible if x.app_id == app_id and x.events]
            last = self.declared.get(app_id)
            if last is None and times:
                last = oracle.reporting_day(max(times), self.rules.timezone) - timedelta(days=1)
            if last is not None:
                watermarks[app_id] = last - timedelta(days=self.allowance)
        marts: dict[str, list[tuple[object, ...]]] = oracle.marts(
            events.values(), watermarks, self.rules, segment_order(self.rules.segments)
        )
        return marts

    def compare(self) -> None:
        """Every cell of the built marts against the oracle's."""
        expected = self.expected()
        with connect(self.run.settings, read_only=True) as con:
            for mart in MARTS:
                built = con.execute(f"from marts.{mart} order by all").fetchall()
                names = [column[0] for column in con.description]
                wanted = sorted(expected[mart], key=repr)
                found = sorted(built, key=repr)
                missing = [dict(zip(names, r, strict=True)) for r in wanted if r not in set(found)]
                extra = [dict(zip(names, r, strict=True)) for r in found if r not in set(wanted)]
                assert (mart, missing[:3], extra[:3]) == (mart, [], [])
                assert len(found) == len(wanted)


def cut_into_extracts(events: list[oracle.Event], chance: random.Random) -> list[Extract]:
    """Overlapping extracts of each app, in an order of their own."""
    extracts = []
    for app_id in APPS:
        own = [e for e in events if e.app_id == app_id]
        parts: list[list[oracle.Event]] = [[] for _ in range(4)]
        for event in own:
            by_time = int(4 * (own.index(event) / len(own)))
            for part in {chance.choice([by_time, chance.randint(0, 3)]), chance.randint(0, 3)}:
                parts[part].append(event)
        extracts += [Extract(app_id, f"part{n}", part) for n, part in enumerate(parts) if part]
    chance.shuffle(extracts)
    return extracts


def draw(chance: random.Random, folder: Path) -> World:
    """Rules, a history and its extracts, of which none has landed."""
    first_day = SPANS[chance.choice(sorted(SPANS))]
    rules = oracle.Rules(
        timezone=chance.choice(["Europe/Berlin", "Australia/Lord_Howe", "Atlantic/Azores"]),
        week_start=chance.choice(["monday", "sunday", "saturday"]),
        horizon_days=chance.randint(7, 40),
        segments=tuple(chance.sample(SEGMENTS, k=chance.randint(2, 4))),
        brackets={"day": [(1, 3), (2, 6), (7, 7)], "week": [(1, 2)], "month": [(0, 1)]},
        activity_events={"ruled": frozenset({"open", "like"})},
        cohort_events={"invited": frozenset({"signup"})},
    )
    events = [
        event
        for app_id in APPS
        for event in history(app_id, rules, first_day, chance, users=(6, 14))
    ]
    return World(
        folder,
        rules,
        cut_into_extracts(events, chance),
        declared={"plain": first_day + timedelta(days=DAYS)},
        allowance=chance.choice([0, 2]),
        raw_days=chance.choice([9, 25]),
    )


def test_builds_by_arrival_equal_a_full_build_and_the_oracle(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    there = draw(chance, tmp_path)
    there.write_sources()
    waiting = list(there.extracts)
    happened: Counter[str] = Counter()
    by_arrival = []
    while waiting:
        for _ in range(chance.randint(3, 5)):
            if waiting:
                there.land(waiting.pop())
        for extract in there.extracts:
            before = extract.status
            if before == "landed" and chance.random() < 0.2:
                there.change(extract, "quarantined")
            elif before == "quarantined" and chance.random() < 0.5:
                there.change(extract, chance.choice(["landed", "landed", "discarded"]))
            happened[f"{before}, then {extract.status}"] += 1
        if chance.random() < 0.5:
            moves_by = chance.choice([-3, 1, 5])
            there.declared["plain"] += timedelta(days=moves_by)
            there.write_sources()
            happened["moves back"] += moves_by < 0
        by_arrival.append(stages.build(there.run).by_arrival)
        there.compare()
        if waiting and chance.random() < 0.5:
            happened["pruned"] += there.prune() > 0
    assert by_arrival == [False] + [True] * (len(by_arrival) - 1)
    assert {case: happened[case] for case in CASES if not happened[case]} == {}
    run = there.run
    verification = verify(run.settings, run.sources)
    assert [str(difference) for difference in verification.differences] == []
    assert verification.cells > 0
