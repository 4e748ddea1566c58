"""Find the apps on charts that are named like one of the sources file without a store id."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

ALIKE = 0.92
"""Names of this Jaro-Winkler similarity, or more, are alike; 1 is the same name."""


@dataclass(frozen=True, kw_only=True)
class Lookalike:
    """An app of the sources file without ``store_ids``, and one on the charts of its name."""

    app_id: str
    store: str
    store_app_id: str
    app_name: str

    def __str__(self) -> str:
        return (
            f"{self.app_id} has no store_ids, so that no rank counts as its. The {self.store} "
            f"charts have {self.app_name!r}: if it is that one, give the app "
            f"store_ids: {{{self.store}: {self.store_app_id!r}}}."
        )


def lookalikes(con: duckdb.DuckDBPyConnection) -> list[Lookalike]:
    """Per app without store ids and store the entry of the newest charts that is most like it.

    A name is compared whole, and up to its first dash, colon, bracket or bar.
    """
    rows = con.execute(
        """
        with

        without_ids as (
            select app_id, lower(name) as name
            from raw.apps
            anti join raw.app_store_ids using (app_id)
        ),

        newest as (
            select arg_max(snapshot_id, snapshot_at) as snapshot_id, store
            from raw.chart_snapshots
            where status = 'observed' and exists (from without_ids)
            group by store, storefront, chart, genre
        ),

        entries as (
            select distinct
                store,
                store_app_id,
                app_name,
                lower(app_name) as whole,
                lower(trim(regexp_extract(app_name, '^[^-–—:|(\\[]*'))) as short,
            from raw.chart_ranks
            inner join newest using (snapshot_id)
            where app_name is not null
        ),

        compared as (
            select
                without_ids.app_id,
                entries.store,
                entries.store_app_id,
                entries.app_name,
                greatest(
                    jaro_winkler_similarity(name, whole), jaro_winkler_similarity(name, short)
                ) as alike,
            from without_ids
            cross join entries
        )

        select app_id, store, store_app_id, app_name
        from compared
        where alike >= $alike
        qualify row_number() over (
            partition by app_id, store order by alike desc, app_name, store_app_id
        ) = 1
        order by app_id, store
        """,
        {"alike": ALIKE},
    ).fetchall()
    return [
        Lookalike(app_id=app_id, store=store, store_app_id=store_app_id, app_name=app_name)
        for app_id, store, store_app_id, app_name in rows
    ]
