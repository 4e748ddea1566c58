"""Land careless exports through what ``inspect`` proposes, and compare with what was meant."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import yaml

from flows.errors import ExtractError
from flows.inspect.trial import inspect
from flows.land.keys import load_user_key
from flows.land.source import land_files
from flows.settings import Settings
from flows.sources import Sources
from flows.warehouse import connect, create_schemas
from tests.inspect.careless import DAYS_OR_MONTHS, Export, draw_export

NOW = datetime(2026, 6, 1)

ADDED_TO_NAIVE_TIMES: dict[str, Any] = {"time_zone": "UTC"}
"""What a reader adds to the entry of an export whose times have no zone: here they are UTC."""

Became = Literal["equal", "in part", "refused", "guessed", "wrong"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an export, and the reasons that were given, or the difference.

    ``in part``: what landed is right, and each row that did not is rejected with a reason.
    ``guessed``: it is not, but ``inspect`` says what it has guessed and how it could be otherwise.
    """

    became: Became
    said: str = ""


@dataclass
class Trial:
    """A warehouse into which one export after the other lands, each as an app of its own."""

    folder: Path
    settings: Settings
    con: duckdb.DuckDBPyConnection

    def draw(self, seed: int) -> Export:
        return draw_export(seed, self.folder)

    def land(self, export: Export) -> Outcome:
        """Inspect an export, land it with the proposed entry, and compare."""
        exports = self.folder / "exports"
        exports.mkdir()
        try:
            path = exports / export.name
            path.write_bytes(export.content)
            return self._land(path, export)
        finally:
            shutil.rmtree(exports)

    def _land(self, path: Path, export: Export) -> Outcome:
        app_id = f"app{export.seed}"
        try:
            inspection = inspect(str(path), self.settings, app_id=app_id)
        except ExtractError as error:
            return Outcome(became="refused", said=f"inspect: {error}")
        if inspection.proposal.section != "events":
            return Outcome(became="wrong", said=f"taken for {inspection.proposal.section}")
        entry = yaml.safe_load(inspection.entry)
        if "times without a zone" in export.cases:
            entry["events"][0] |= ADDED_TO_NAIVE_TIMES
        sources = Sources.model_validate(entry)
        (source,) = sources.events
        landing = land_files(self.con, source, self.settings, NOW)
        if landing.failed:
            return Outcome(became="refused", said="; ".join(landing.failed))
        outcome = self._compared(app_id, source.name, export)
        guesses = [note for note in inspection.proposal.notes if "as well: check" in note]
        if outcome.became == "wrong" and guesses and export.cases & DAYS_OR_MONTHS:
            return Outcome(became="guessed", said=guesses[0])
        return outcome

    def _compared(self, app_id: str, source: str, export: Export) -> Outcome:
        users = {row[0] for row in export.rows}
        names = {self._key(app_id, user): user for user in users}
        landed: Counter[tuple[Any, ...]] = Counter(
            (names.get(key, f"somebody else ({key})"), _with_line_breaks(export, name), *rest)
            for key, name, *rest in self.con.execute(
                "select user_key, event_name, event_time, platform, country, app_version, channel "
                "from raw.app_events where app_id = ?",
                [app_id],
            ).fetchall()
        )
        rejects: Counter[str] = Counter(
            dict(
                self.con.execute(
                    "select regexp_replace(reason, ': .*', ''), count(*) "
                    "from raw.rejects where source = ? group by 1",
                    [source],
                ).fetchall()
            )
        )
        meant: Counter[tuple[Any, ...]] = Counter(
            (user, _with_line_breaks(export, name), *rest) for user, name, *rest in export.rows
        )
        others = sum(rejects.values()) - rejects["no user id"]
        if landed == meant and (rejects["no user id"], others) == (export.nobodies, export.bad):
            return Outcome(became="equal")
        missing, more = meant - landed, landed - meant
        bad = sum(rejects.values()) - export.nobodies - export.bad
        # one row may be several lines
        if not more and sum(missing.values()) <= bad:
            return Outcome(became="in part", said=str(dict(rejects)))
        return Outcome(
            became="wrong",
            said=f"lacks {_first(missing)}; has instead {_first(more)}; rejects {dict(rejects)}, "
            f"{export.nobodies} rows without a user, {export.bad} bad",
        )

    def _key(self, app_id: str, user: str) -> uuid.UUID:
        told = "\x1f".join((load_user_key(self.settings), app_id, user))
        return uuid.UUID(hashlib.sha256(told.encode()).hexdigest()[:32])


def _with_line_breaks(export: Export, text: str) -> str:
    """The text, each line break in it as LF where documented that it may come out as that."""
    if not export.has_mixed_ends:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _first(rows: Counter[Any]) -> str:
    shown = ", ".join(map(repr, list(rows)[:2])) or "nothing"
    return f"{sum(rows.values())} rows ({shown})"


@contextmanager
def trial(folder: Path) -> Iterator[Trial]:
    """A trial in an empty folder."""
    settings = Settings(home=folder / "home", threads=1)
    with connect(settings) as con:
        create_schemas(con)
        yield Trial(folder, settings, con)


def story_of(export: Export, outcome: Outcome) -> str:
    """What an export is like, what became of it, and its beginning."""
    return (
        f"export {export.seed} ({export.name}): {outcome.became}: {outcome.said}\n"
        f"  {', '.join(sorted(export.cases))}\n"
        f"  {export.content[:600]!r}"
    )
