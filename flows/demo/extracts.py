"""Write simulated events as three careless vendors would export them, and count every fault."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

from flows.demo.curves import HABIT, LAST_DAY, LEAKY, SPIKE, SimulatedApp
from flows.demo.simulate import DAY_MS, epoch_ms, uniforms
from flows.demo.truth import AppTruth

DUPLICATES = ("same_file", "next_file", "overlapping_export")
REJECTS = (
    "broken_line",
    "wrong_column_count",
    "missing_user_id",
    "missing_time",
    "unreadable_time",
    "impossible_offset",
    "future_clock",
)
BACKFILL_FILE = 9_999
BACKFILL_DATE = date(2025, 12, 15)


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """How one app's events are exported.

    ``file_no`` is SQL for the number of the file that an event belongs to, over the columns of
    ``events`` and ``occurred_at`` (its UTC timestamp); ``also_in_previous_file`` is SQL for whether
    the file before holds it too. ``faults`` counts the rows to add of each kind of DUPLICATES and
    REJECTS. ``late_rows`` events of the days ``late_days`` move into file ``late_file``.
    """

    app: SimulatedApp
    file_no: str
    file_name: Callable[[int], str]
    write: Callable[[duckdb.DuckDBPyConnection, int, Path], None]
    faults: dict[str, int]
    also_in_previous_file: str = "false"
    late_rows: int = 0
    late_days: tuple[int, int] = (0, 0)
    late_file: int = 0


def write_extracts(con: duckdb.DuckDBPyConnection, vendor: Vendor, seed: int, folder: Path) -> None:
    """Write all files of one vendor from the tables ``users`` and ``events`` of its app.

    Leaves the table ``deliveries`` in ``con``: one row per row of the extracts (file_no, delivery,
    event_id and what was simulated), ``delivery`` being event, late or a kind of fault.
    """
    _deliver(con, vendor, seed)
    folder.mkdir(parents=True)
    for (file_no,) in con.execute(
        "select distinct file_no from deliveries order by file_no"
    ).fetchall():
        vendor.write(con, file_no, folder / vendor.file_name(file_no))


def count_deliveries(con: duckdb.DuckDBPyConnection, app: SimulatedApp) -> AppTruth:
    """Count what ``write_extracts`` has just delivered for an app."""
    counts = dict(
        con.execute(
            "select delivery, count(*) from deliveries group by delivery order by delivery"
        ).fetchall()
    )
    one = con.execute(
        """
        select
            (select count(*) from users),
            (select count(*) from events),
            (select count(distinct file_no) from deliveries),
            (select max(day) from events),
        """
    ).fetchone()
    assert one is not None
    users, events, files, last_day = one
    return AppTruth(
        retention=app.retention_truth(),
        users=users,
        events=events,
        rows=sum(counts.values()),
        duplicates={kind: counts[kind] for kind in DUPLICATES if kind in counts},
        rejects={kind: counts[kind] for kind in REJECTS if kind in counts},
        late_rows=counts.get("late", 0),
        first_day=app.first_day.isoformat(),
        last_day=(app.first_day + timedelta(days=last_day)).isoformat(),
        files=files,
    )


def _deliver(con: duckdb.DuckDBPyConnection, vendor: Vendor, seed: int) -> None:
    app = vendor.app
    count = con.execute("select count(*) from events").fetchone()
    assert count is not None
    order = np.argsort(uniforms(seed, f"{app.app_id}/dirt", count[0]), kind="stable")
    con.register("shuffled", {"event_no": order, "turn": np.arange(count[0], dtype=np.int64)})
    con.execute(
        f"""
        create or replace temp table deliveries as
        with
        filed as (
            select events.*, shuffled.turn, {vendor.file_no} as file_no,
            from (select *, epoch_ms(ts_ms) as occurred_at from events) as events
            inner join shuffled using (event_no)
        ),
        late as (
            select event_no
            from filed
            where day between $late_from and $late_to
            order by turn
            limit {vendor.late_rows}
        ),
        -- faults never touch the last file, so that there is always a next one
        candidates as (
            select event_no, row_number() over (order by turn) as place,
            from filed
            where
                event_no not in (select event_no from late)
                and file_no < (select max(file_no) from filed)
        ),
        faults as (
            select unnest($kinds) as fault, unnest($places) as place
        ),
        faulty as (
            select candidates.event_no, faults.fault
            from candidates
            inner join faults using (place)
        ),
        all_deliveries as (
            select
                * exclude (file_no),
                case when event_no in (select event_no from late) then $late_file else file_no end
                    as file_no,
                case when event_no in (select event_no from late) then 'late' else 'event' end
                    as delivery,
            from filed
            union all by name
            select
                filed.* exclude (file_no),
                filed.file_no + if(faulty.fault = 'next_file', 1, 0) as file_no,
                faulty.fault as delivery,
            from filed
            inner join faulty using (event_no)
            union all by name
            select * exclude (file_no), file_no - 1 as file_no, 'overlapping_export' as delivery,
            from filed
            where {vendor.also_in_previous_file}
        )
        select
            file_no,
            delivery,
            -- a row to be rejected is a row too many, not an event that is lost
            md5(concat_ws(
                '/', $app_id, $seed, event_no,
                case when list_contains($rejects, delivery) then delivery end
            )) as event_id,
            occurred_at,
            $future + ts_ms % $spread_ms as future_ms,
            * exclude (file_no, delivery, occurred_at, turn),
        from all_deliveries
        inner join users using (user_no)
        """,
        {
            "late_from": vendor.late_days[0],
            "late_to": vendor.late_days[1],
            "late_file": vendor.late_file,
            "kinds": [kind for kind, rows in vendor.faults.items() for _ in range(rows)],
            "places": list(range(1, sum(vendor.faults.values()) + 1)),
            "app_id": app.app_id,
            "seed": str(seed),
            "rejects": list(REJECTS),
            "future": epoch_ms(date(2099, 1, 1)),
            "spread_ms": 300 * DAY_MS,
        },
    )
    con.unregister("shuffled")


def _write_lines(
    con: duckdb.DuckDBPyConnection, file_no: int, path: Path, line: str, header: str = ""
) -> None:
    row = con.execute(
        f"""
        select string_agg({line}, chr(10) order by ts_ms, event_id, delivery) || chr(10)
        from deliveries
        where file_no = ?
        """,
        [file_no],
    ).fetchone()
    assert row is not None
    # no name and no time in gzip's header: the same events give the same bytes
    path.write_bytes(gzip.compress((header + row[0]).encode(), compresslevel=6, mtime=0))


_SPIKE_OBJECT = """
    json_object(
        'eventId', event_id::uuid,
        'userId', if(delivery = 'missing_user_id', null, 'u_' || md5('vidra' || user_no)[1:16]),
        'name', event_name,
        'ts', case delivery
            when 'unreadable_time' then to_json('yesterday evening')
            when 'future_clock' then to_json(future_ms)
            else to_json(ts_ms)
        end,
        'platform', platform,
        'appVersion', '1.' || (day // 14),
        'props', json_object(
            'country', country, 'channel', channel, 'clipSeconds', 4 + event_no % 9
        )
    )::varchar
"""


def _write_spike(con: duckdb.DuckDBPyConnection, file_no: int, path: Path) -> None:
    # a broken line ends in the middle, as after a crash of the writing process
    line = f"if(delivery = 'broken_line', left({_SPIKE_OBJECT}, 120), {_SPIKE_OBJECT})"
    _write_lines(con, file_no, path, line)


_HABIT_HEADER = "Event ID,User ID,Time,Event,Platform,Country,Version,Source,Screen\n"
_HABIT_LINE = """
    concat_ws(
        ',',
        'LZ-' || upper(event_id[1:20]),
        if(delivery = 'missing_user_id', '', '"' || lpad((user_no + 1)::varchar, 9, '0') || '"'),
        case delivery
            when 'unreadable_time' then '31.11.2025 25:61'
            when 'future_clock' then strftime(epoch_ms(future_ms), '%Y-%m-%dT%H:%M:%SZ')
            else
                strftime(
                    occurred_at + to_minutes((utc_offset_h * 60)::integer), '%Y-%m-%dT%H:%M:%S'
                ) || case
                    when delivery = 'impossible_offset' then '+27:00'
                    else
                        if(utc_offset_h < 0, '-', '+')
                        || lpad(abs(trunc(utc_offset_h))::integer::varchar, 2, '0')
                        || if(utc_offset_h = trunc(utc_offset_h), ':00', ':30')
                end
        end,
        event_name,
        platform,
        country,
        '24.' || (day // 7),
        channel,
        '"' || replace(
            if(event_name = 'comment_posted', 'Comments, "top"', 'Feed'), '"', '""'
        ) || '"'
    )
"""


def _write_habit(con: duckdb.DuckDBPyConnection, file_no: int, path: Path) -> None:
    # half of the rows of the wrong width are cut short, the other half have a field too many
    line = f"""
    case
        when delivery <> 'wrong_column_count' then {_HABIT_LINE}
        when event_no % 2 = 0 then 'LZ-' || upper(event_id[1:20]) || ',' || event_name
        else {_HABIT_LINE} || ',unexpected'
    end
    """
    _write_lines(con, file_no, path, line, _HABIT_HEADER)


def _write_leaky(con: duckdb.DuckDBPyConnection, file_no: int, path: Path) -> None:
    con.execute(
        f"""
        copy (
            select
                event_id::uuid as id,
                if(delivery = 'missing_user_id', null, 7000000000 + user_no * 37) as account,
                case delivery
                    when 'missing_time' then null
                    when 'future_clock' then epoch_ms(future_ms)::timestamptz
                    else occurred_at::timestamptz
                end as occurred_at,
                event_name as event,
                {{
                    'os': platform,
                    'market': country,
                    'release': '3.' || (day // 10),
                }} as device,
                channel as media_source,
            from deliveries
            where file_no = {file_no}
            order by ts_ms, event_id, delivery
        )
        to '{str(path).replace("'", "''")}'
        (format parquet, compression zstd, row_group_size 122880)
        """
    )


def _month_name(months: int) -> str:
    year, month = divmod(LEAKY.first_day.year * 12 + LEAKY.first_day.month - 1 + months, 12)
    return f"snaply-{year}-{month + 1:02d}.parquet"


def _week_name(week: int) -> str:
    start = HABIT.first_day + timedelta(days=7 * week)
    end = min(start + timedelta(days=7), LAST_DAY)
    return f"loopz_{start}_{end}.csv.gz"


def _day_name(day: int) -> str:
    if day == BACKFILL_FILE:
        return f"events-{BACKFILL_DATE}-backfill.ndjson.gz"
    return f"events-{SPIKE.first_day + timedelta(days=day)}.ndjson.gz"


VENDORS = (
    # one file a day; some phones were offline in November and their events came in December
    Vendor(
        app=SPIKE,
        file_no="day",
        file_name=_day_name,
        write=_write_spike,
        faults={
            "same_file": 400,
            "next_file": 600,
            "broken_line": 60,
            "missing_user_id": 90,
            "unreadable_time": 70,
            "future_clock": 40,
        },
        late_rows=700,
        late_days=(41, 51),
        late_file=BACKFILL_FILE,
    ),
    # one file a week, which holds the first day of the next week, too
    Vendor(
        app=HABIT,
        file_no="day // 7",
        file_name=_week_name,
        write=_write_habit,
        also_in_previous_file="day % 7 = 0 and day > 0",
        faults={
            "same_file": 250,
            "wrong_column_count": 60,
            "missing_user_id": 45,
            "unreadable_time": 50,
            "impossible_offset": 30,
            "future_clock": 20,
        },
    ),
    # one file a month; January's brings what November's had left out
    Vendor(
        app=LEAKY,
        file_no=f"datediff('month', date '{LEAKY.first_day}', occurred_at::date)",
        file_name=_month_name,
        write=_write_leaky,
        faults={
            "same_file": 150,
            "next_file": 200,
            "missing_user_id": 60,
            "missing_time": 40,
            "future_clock": 25,
        },
        late_rows=500,
        late_days=(36, 46),
        late_file=4,
    ),
)
