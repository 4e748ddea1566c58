"""Prove the marts: rebuild them aside from the raw tables and compare them cell for cell."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from flows.builds import pending
from flows.errors import AfterhypeError
from flows.lake.location import lake_of, open_lake
from flows.marts import GRAIN
from flows.settings import Settings
from flows.sources import Sources
from flows.sql import text_in_sql
from flows.transform import Dbt, build_layer
from flows.warehouse import connect, create_schemas

DIFFERENCES_SHOWN = 10
"""How many differing cells of each mart are named."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One cell that is not what a rebuild gives; ``column`` is None where a whole row differs."""

    where: str
    mart: str
    key: str
    column: str | None
    stands: str | None
    rebuilt: str | None

    def __str__(self) -> str:
        cell = f"{self.where}: {self.mart} [{self.key}]"
        if self.column is None:
            return f"{cell}: " + (
                "the row is missing" if self.stands is None else "a rebuild gives no such row"
            )
        return f"{cell}: {self.column} is {self.stands}, a rebuild gives {self.rebuilt}"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What a verification came to: cells compared, and the first differences of each mart."""

    cells: int
    differing_rows: int
    differences: tuple[Difference, ...]


def verify(settings: Settings, sources: Sources, published: Path | None = None) -> Verification:
    """Rebuild every mart from the raw tables into a file aside, and compare.

    Compares the warehouse's marts, and those of the ``published`` file if given. The warehouse is
    only read; the caller holds the writer lock. Raises AfterhypeError when the marts are older than
    what has landed, TransformError when the rebuild fails.
    """
    with connect(settings, read_only=True) as con:
        if reason := pending(con, sources):
            raise AfterhypeError(
                f"{settings.warehouse_path}: {reason}, so the marts are not to be compared yet. "
                "Run `afterhype build` first."
            )
    with _aside(settings) as aside:
        _rebuild(aside, sources, raw_from=settings.warehouse_path)
        files = {"warehouse": (settings.warehouse_path, "marts")}
        if published:
            files["published file"] = (published, "main")
        with duckdb.connect(str(aside.warehouse_path), read_only=True) as con:
            found = [
                _compare(con, where, path, schema, mart)
                for where, (path, schema) in files.items()
                for mart in GRAIN
            ]
    return Verification(
        cells=sum(cells for cells, _, _ in found),
        differing_rows=sum(rows for _, rows, _ in found),
        differences=tuple(d for _, _, differences in found for d in differences),
    )


def _rebuild(settings: Settings, sources: Sources, raw_from: Path) -> None:
    """Build everything anew, with every data test of the project."""
    from flows.outlook.fitting import fit_outlook  # SciPy: only where something is fitted

    with connect(settings, read_only=True) as con:
        in_lake = lake_of(con) is not None
    dbt = Dbt(settings=settings, sources=sources, events_in_lake=in_lake, raw_from=raw_from)
    build_layer(dbt, "counts")
    with connect(settings) as con:
        fit_outlook(con, sources.horizon_days, sources.verdict)
    build_layer(dbt, "marts")


@contextmanager
def _aside(settings: Settings) -> Iterator[Settings]:
    """A home beside this one, whose raw tables are views of this one's; nothing is left of it."""
    aside = settings.model_copy(
        update={"home": settings.home / "verify", "parsed_dir": settings.dbt_parsed_dir}
    )
    shutil.rmtree(aside.home, ignore_errors=True)
    try:
        with connect(aside) as con:
            create_schemas(con)
            con.execute(f"attach {text_in_sql(settings.warehouse_path)} as verified (read_only)")
            if _has_lakes(con):
                con.execute("insert into ops.lakes from verified.ops.lakes where is_current")
                open_lake(con)
            tables = con.execute(
                "select table_name from duckdb_tables() "
                "where database_name = 'verified' and schema_name = 'raw' "
                "union select 'app_events'"  # which is a view where there is a lake
            ).fetchall()
            for (table,) in tables:
                con.execute(f"drop table raw.{table}")
                con.execute(f"create view raw.{table} as from verified.raw.{table}")
        yield aside
    finally:
        shutil.rmtree(aside.home, ignore_errors=True)


def _has_lakes(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the warehouse knows of lakes: one that no run has written to since does not."""
    return bool(
        con.execute(
            "select 1 from duckdb_tables() where database_name = 'verified' "
            "and schema_name = 'ops' and table_name = 'lakes'"
        ).fetchone()
    )


def _compare(
    con: duckdb.DuckDBPyConnection, where: str, path: Path, schema: str, mart: str
) -> tuple[int, int, list[Difference]]:
    """Cells compared, rows that differ, and the first differences of one mart."""
    con.execute(f"attach {text_in_sql(path)} as stands (read_only)")
    try:
        return _compare_attached(con, where, f"stands.{schema}.{mart}", mart)
    finally:
        con.execute("detach stands")


def _compare_attached(
    con: duckdb.DuckDBPyConnection, where: str, stands: str, mart: str
) -> tuple[int, int, list[Difference]]:
    key = GRAIN[mart]
    columns = [row[0] for row in con.execute(f"describe marts.{mart}").fetchall()]
    if not con.execute(
        "select 1 from duckdb_tables() where database_name = 'stands' and table_name = ?", [mart]
    ).fetchone():
        missing = Difference(
            where=where, mart=mart, key="*", column=None, stands=None, rebuilt="a mart"
        )
        return 0, 1, [missing]
    named = ", ".join(columns)
    con.execute(
        f"""
        create or replace temp table differing as
        with
        stands as (select {named}, count(*) as times from {stands} group by all),
        rebuilt as (select {named}, count(*) as times from marts.{mart} group by all)
        (select true as stands, * from (from stands except from rebuilt))
        union all
        (select false as stands, * from (from rebuilt except from stands))
        """
    )
    told = " || ', ' || ".join(f"'{c}=' || coalesce({c}::varchar, 'null')" for c in key)
    # of a mart that is all key, the key stands for the row
    shown = [c for c in columns if c not in key] or columns
    cells = ", ".join(f"'{c}': {c}::varchar" for c in shown)
    rows = con.execute(
        f"""
        select
            {told} as key,
            any_value({{{cells}}}) filter (where stands) as stands,
            any_value({{{cells}}}) filter (where not stands) as rebuilt,
        from differing
        group by {", ".join(key)}
        order by {", ".join(key)}
        """
    ).fetchall()
    count = con.execute(f"select count(*) from marts.{mart}").fetchone()
    differences = [
        difference
        for told_key, old, new in rows[:DIFFERENCES_SHOWN]
        for difference in _cell_differences(where, mart, told_key, old, new)
    ]
    return (count[0] if count else 0) * len(columns), len(rows), differences


def _cell_differences(
    where: str,
    mart: str,
    key: str,
    stands: dict[str, str | None] | None,
    rebuilt: dict[str, str | None] | None,
) -> Iterator[Difference]:
    if stands is None or rebuilt is None or stands == rebuilt:
        yield Difference(
            where=where,
            mart=mart,
            key=key,
            column=None,
            stands=None if stands is None else "a row",
            rebuilt=None if rebuilt is None else "a row",
        )
        return
    for column, value in stands.items():
        if value != rebuilt[column]:
            yield Difference(
                where=where,
                mart=mart,
                key=key,
                column=column,
                stands=value,
                rebuilt=rebuilt[column],
            )
