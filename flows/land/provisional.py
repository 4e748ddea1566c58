"""Let a provisional table of a day give way to the day's final one, whichever lands first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from flows.formats.event_formats import EVENT_FORMATS
from flows.formats.vendor_format import EventFormat
from flows.land import ledger
from flows.sources import EventSource


@dataclass(frozen=True, kw_only=True)
class Table:
    """What an extract's path says of its table: of which data set and day, and how final it is."""

    extract_id: str
    dataset: str
    day: str
    finality: int


def give_way(con: duckdb.DuckDBPyConnection, source: EventSource) -> None:
    """Discard the extracts of a source whose day has landed from a more final table.

    All that they hold goes, as in the vendor's own rule: the final table is the day as it was. To
    be called within ``changes``, after a landing. Does nothing where the source says
    ``replaces: nothing``.
    """
    form = EVENT_FORMATS.get(source.format)
    if form is None or form.tables is None or source.replaces == "nothing":
        return
    landed = con.execute(
        "select extract_id, uri from raw.extracts "
        "where source = ? and status in ('landed', 'quarantined') order by landed_at, uri",
        [source.name],
    ).fetchall()
    tables = [table for extract in landed if (table := table_of(form, *extract))]
    for provisional, final in _outdone(tables):
        ledger.replace_extract(
            con,
            provisional.extract_id,
            f"gives way to the final table of its day, extract {final.extract_id}",
        )


def table_of(form: EventFormat, extract_id: str, uri: str) -> Table | None:
    """The table that an extract at a path is of, if the path says so."""
    named = form.tables.match(uri) if form.tables else None
    if named is None:
        return None
    return Table(
        extract_id=extract_id,
        dataset=named["dataset"] or "",
        day=named["day"].replace("-", ""),
        finality=form.stages.index(named["stage"] or ""),
    )


def _outdone(tables: Sequence[Table]) -> Iterator[tuple[Table, Table]]:
    """Each table of whose day there is a more final one, and that one."""
    final: dict[tuple[str, str], Table] = {}
    for table in tables:
        best = final.setdefault((table.dataset, table.day), table)
        if table.finality > best.finality:
            final[table.dataset, table.day] = table
    for table in tables:
        best = final[table.dataset, table.day]
        if best.finality > table.finality:
            yield table, best
