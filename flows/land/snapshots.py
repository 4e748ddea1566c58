"""Tell new observations of a chart from fetches that found it unchanged."""

from __future__ import annotations

from collections.abc import Collection

import duckdb


def mark_unchanged(con: duckdb.DuckDBPyConnection, extract_ids: Collection[str]) -> None:
    """Compare the snapshots of the charts that some extracts touch with those before them.

    The stamp of the feed decides; where neither has one, the content does. Snapshots of extracts
    that are not landed do not count. The result depends on which snapshots there are, not on the
    order in which they came.
    """
    con.execute(
        """
        update raw.chart_snapshots as snapshots
        set status = compared.status
        from (
            select
                snapshot_id,
                if(
                    case
                        when feed_updated_at is null and lag(feed_updated_at) over chart is null
                            then content_hash = lag(content_hash) over chart
                        else feed_updated_at = lag(feed_updated_at) over chart
                    end,
                    'unchanged', 'observed'
                ) as status,
            from raw.chart_snapshots
            semi join (
                select store, storefront, chart, genre from raw.chart_snapshots
                where extract_id in (select unnest($extract_ids::varchar[]))
            ) as touched using (store, storefront, chart, genre)
            semi join (
                select extract_id from raw.extracts where status = 'landed'
            ) as visible using (extract_id)
            where status <> 'failed'
            window chart as (
                partition by store, storefront, chart, genre order by snapshot_at, snapshot_id
            )
        ) as compared
        where
            snapshots.snapshot_id = compared.snapshot_id
            -- all but a few are as they were: a day costs what it brings, not what there is
            and snapshots.status <> compared.status
        """,
        {"extract_ids": list(extract_ids)},
    )
