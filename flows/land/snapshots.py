"""Tell new observations of a chart from fetches that found it unchanged."""

from __future__ import annotations

import duckdb


def mark_unchanged(con: duckdb.DuckDBPyConnection, extract_id: str) -> None:
    """Compare the snapshots of the charts that an extract touches with those before them.

    The stamp of the feed decides; where neither has one, the content does. Snapshots of extracts
    that are not landed do not count. The result depends on which snapshots there are, not on the
    order in which they came.
    """
    con.execute(
        """
        update raw.chart_snapshots as snapshots
        set status = if(compared.is_unchanged, 'unchanged', 'observed')
        from (
            select
                snapshot_id,
                coalesce(
                    case
                        when feed_updated_at is null and lag(feed_updated_at) over chart is null
                            then content_hash = lag(content_hash) over chart
                        else feed_updated_at = lag(feed_updated_at) over chart
                    end,
                    false
                ) as is_unchanged,
            from raw.chart_snapshots
            semi join (
                select store, storefront, chart, genre from raw.chart_snapshots
                where extract_id = $extract_id
            ) as touched using (store, storefront, chart, genre)
            semi join (
                select extract_id from raw.extracts where status = 'landed'
            ) as visible using (extract_id)
            where status <> 'failed'
            window chart as (
                partition by store, storefront, chart, genre order by snapshot_at, snapshot_id
            )
        ) as compared
        where snapshots.snapshot_id = compared.snapshot_id
        """,
        {"extract_id": extract_id},
    )
