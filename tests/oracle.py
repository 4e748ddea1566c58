"""A second opinion on the retention marts: their definitions, spelled out as loops in plain Python.

It knows nothing of the SQL. Each mart is a sorted list of tuples in the mart's column order.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from statistics import median
from zoneinfo import ZoneInfo

PERIODS = ("day", "week", "month")
DIMENSIONS = ("platform", "country", "channel", "app_version")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RETENTION_MARTS = {
    "day": "fct_cohort_retention_daily",
    "week": "fct_cohort_retention_weekly",
    "month": "fct_cohort_retention_monthly",
}
WINDOW = {
    "day": timedelta(hours=24),
    "week": timedelta(hours=168),
    "month": timedelta(hours=720),
}
ONE_DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
Z_95 = 1.959963984540054

Segment = tuple[str, ...]
Row = tuple[object, ...]


def _default_brackets() -> dict[str, list[tuple[int, int]]]:
    """Return period -> ``[(first, last), ...]``."""
    return {
        "day": [(1, 3), (4, 7), (8, 14), (15, 30), (31, 60), (61, 90)],
        "week": [(1, 4), (5, 8), (9, 12)],
        "month": [(1, 3), (4, 6), (7, 12)],
    }


@dataclass(frozen=True)
class Event:
    """One visible event, already de-duplicated; ``time`` is UTC without a zone."""

    app_id: str
    user: str
    event_id: str
    name: str
    time: datetime
    platform: str | None = None
    country: str | None = None
    channel: str | None = None
    app_version: str | None = None


@dataclass(frozen=True)
class Rules:
    """What sources.yml says; an app that is in neither mapping of names has the defaults."""

    timezone: str = "UTC"
    week_start: str = "monday"
    horizon_days: int = 90
    segments: tuple[str, ...] = ("platform", "country", "channel")
    brackets: dict[str, list[tuple[int, int]]] = field(default_factory=_default_brackets)
    activity_events: dict[str, frozenset[str]] = field(default_factory=dict)
    cohort_events: dict[str, frozenset[str]] = field(default_factory=dict)
    mau_days: int = 28
    late_data_allowance_days: int = 0


@dataclass(frozen=True)
class Member:
    """One user of a cohort, with the activity that can count: nothing before the cohort start."""

    segment: Segment
    cohort_date: date
    days: tuple[date, ...]
    since_start: tuple[timedelta, ...]


@dataclass(frozen=True)
class App:
    """One app with an event up to its watermark, reduced to what its marts need."""

    app_id: str
    watermark: date
    members: tuple[Member, ...]
    active: dict[date, set[str]]
    events: dict[date, int]
    without_start: frozenset[str]
    missing: frozenset[date]

    def lacks(self, start: date, period: str) -> bool:
        """Whether a day of the period that begins on ``start`` lacks something."""
        return any(start <= day <= last_day(start, period) for day in self.missing)


# -- time ------------------------------------------------------------------------------------------


def reporting_day(instant: datetime, timezone: str) -> date:
    """Return the local date of a UTC instant."""
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).date()


@cache
def day_start(day: date, timezone: str) -> datetime:
    """Return the UTC instant, without a zone, at which the local date begins."""
    # no zone is more than 15 hours ahead; offsets have been whole minutes since 1972
    instant = datetime(day.year, day.month, day.day) - timedelta(hours=15)
    # not ==: Samoa left 2011-12-30 out altogether
    while reporting_day(instant, timezone) < day:
        instant += timedelta(minutes=1)
    return instant


def long_days(first: date, last: date, timezone: str) -> set[date]:
    """Return the days of a range that last more than 24 hours."""
    zone = ZoneInfo(timezone)

    def offset(day: date) -> timedelta | None:
        return datetime(day.year, day.month, day.day, 12, tzinfo=zone).utcoffset()

    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return {
        day
        for day in days
        if offset(day - ONE_DAY) != offset(day + ONE_DAY)
        and day_start(day + ONE_DAY, timezone) - day_start(day, timezone) > ONE_DAY
    }


def period_start(day: date, period: str, week_start: str) -> date:
    """Return the first day of the day's period."""
    if period == "week":
        while day.weekday() != WEEKDAYS.index(week_start):
            day -= ONE_DAY
    if period == "month":
        day = day.replace(day=1)
    return day


def shift(start: date, period: str, n: int) -> date:
    """Return the first day of the period ``n`` periods after the one that begins on ``start``."""
    if period == "day":
        return start + timedelta(days=n)
    if period == "week":
        return start + timedelta(days=7 * n)
    months = start.year * 12 + (start.month - 1) + n
    return date(months // 12, months % 12 + 1, 1)


def last_day(start: date, period: str) -> date:
    """Return the last day of the period that begins on ``start``."""
    return shift(start, period, 1) - ONE_DAY


def period_n(first: date, later: date, period: str) -> int:
    """Return the number of periods between two first days of periods."""
    if period == "day":
        return (later - first).days
    if period == "week":
        return (later - first).days // 7
    return (later.year - first.year) * 12 + (later.month - first.month)


def horizon(period: str, rules: Rules) -> int:
    """Return the last ``period_n`` that is reported."""
    return rules.horizon_days // {"day": 1, "week": 7, "month": 30}[period]


def completes_on(cohort: date, period: str, n: int) -> date:
    """Return the last day of the cohort's period ``n``."""
    return last_day(shift(cohort, period, n), period)


def completes_on_24h(cohort: date, period: str, n: int, timezone: str) -> date:
    """Return the reporting day on which window ``n`` closes for a user of the last microsecond."""
    after_cohort = day_start(shift(cohort, period, 1), timezone)
    return reporting_day(after_cohort + (n + 1) * WINDOW[period] - MICROSECOND, timezone)


def reach(events: Iterable[Event]) -> datetime:
    """Return the UTC moment, without a zone, up to which an extract of these events has come.

    After it no users but a few are seen, whose clocks may be fast: one, or 1 % of those who are
    usual on a day. Of an app that is all but empty a last user is taken for real, less a day.
    """
    last: dict[str, datetime] = {}
    by_day: dict[date, set[str]] = defaultdict(set)
    for event in events:
        last[event.user] = max(event.time, last.get(event.user, event.time))
        by_day[event.time.date()].add(event.user)
    latest = max(last.values())
    if len(last) < 3:
        return latest
    usual = median(len(by_day[day]) for day in sorted(by_day)[-14:])
    without_fast = sorted(last.values(), reverse=True)[max(1, int(0.01 * usual)) :]
    others = without_fast[0] if without_fast else latest
    return others if usual >= 5 else max(others, latest - ONE_DAY)


# -- events to cohort members ----------------------------------------------------------------------


def is_activity(event: Event, rules: Rules) -> bool:
    """Say whether the event makes its user active."""
    names = rules.activity_events.get(event.app_id)
    return not names or event.name in names


def starts_cohort(event: Event, rules: Rules) -> bool:
    """Say whether a user's first such event is the cohort start."""
    names = rules.cohort_events.get(event.app_id)
    return event.name in names if names else is_activity(event, rules)


def segment_values(event: Event, rules: Rules) -> Segment:
    """Return the values of the configured segments, in their configured order."""
    values = [getattr(event, name) for name in rules.segments]
    return tuple("unknown" if value is None else value for value in values)


def segment_columns(values: Segment, rules: Rules) -> Segment:
    """Return platform, country, channel, app_version, with 'all' where they are pooled."""
    configured = dict(zip(rules.segments, values, strict=True))
    return tuple(configured.get(name, "all") for name in DIMENSIONS)


def cohort_member(
    events: list[Event], rules: Rules, segment_order: Callable[[Segment], int]
) -> Member | None:
    """Return one user's membership, from all the user's events, or None without a start."""
    starts = [event for event in events if starts_cohort(event, rules)]
    if not starts:
        return None
    t0 = min(event.time for event in starts)
    tied = [segment_values(event, rules) for event in starts if event.time == t0]
    cohort_date = reporting_day(t0, rules.timezone)
    activity = [event for event in events if is_activity(event, rules)]
    days = {reporting_day(event.time, rules.timezone) for event in activity}
    return Member(
        segment=segment_columns(min(tied, key=segment_order), rules),
        cohort_date=cohort_date,
        # a day of the cohort's week or month that lies before the cohort date counts nowhere
        days=tuple(sorted(day for day in days if day >= cohort_date)),
        since_start=tuple(sorted(event.time - t0 for event in activity if event.time >= t0)),
    )


def read_apps(
    events: Iterable[Event],
    watermarks: Mapping[str, date],
    rules: Rules,
    segment_order: Callable[[Segment], int],
    missing: Mapping[str, frozenset[date]],
) -> list[App]:
    """Return the apps that have a watermark and an event up to it."""
    by_app: dict[str, dict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        watermark = watermarks.get(event.app_id)
        if watermark is not None and reporting_day(event.time, rules.timezone) <= watermark:
            by_app[event.app_id][event.user].append(event)
    apps = []
    for app_id, by_user in by_app.items():
        members, without_start = [], set()
        active: dict[date, set[str]] = defaultdict(set)
        counts: dict[date, int] = defaultdict(int)
        for user, of_user in by_user.items():
            member = cohort_member(of_user, rules, segment_order)
            if member is None:
                without_start.add(user)
            else:
                members.append(member)
            for event in of_user:
                if is_activity(event, rules):
                    day = reporting_day(event.time, rules.timezone)
                    active[day].add(user)
                    counts[day] += 1
        apps.append(
            App(
                app_id,
                watermarks[app_id],
                tuple(members),
                dict(active),
                dict(counts),
                frozenset(without_start),
                missing.get(app_id, frozenset()),
            )
        )
    return apps


# -- who was retained ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """The periods in which one member was active: by the calendar, and since the start."""

    calendar: frozenset[int]
    windows: frozenset[int]

    def between(self, first: int, last: int) -> bool:
        """Say whether the member was active in a calendar period from first to last."""
        return any(first <= n <= last for n in self.calendar)

    def from_on(self, first: int) -> bool:
        """Say whether the member was active in a calendar period from first on."""
        return any(first <= n for n in self.calendar)


def seen(member: Member, period: str, rules: Rules) -> Seen:
    """Return the periods in which the member was active."""
    cohort = period_start(member.cohort_date, period, rules.week_start)
    starts = {period_start(day, period, rules.week_start) for day in member.days}
    return Seen(
        calendar=frozenset(period_n(cohort, start, period) for start in starts),
        windows=frozenset(elapsed // WINDOW[period] for elapsed in member.since_start),
    )


def cohorts(app: App, period: str, rules: Rules) -> dict[tuple[date, Segment], list[Seen]]:
    """Return (cohort period's first day, segment columns) -> its users."""
    found: dict[tuple[date, Segment], list[Seen]] = defaultdict(list)
    for member in app.members:
        cohort = period_start(member.cohort_date, period, rules.week_start)
        found[cohort, member.segment].append(seen(member, period, rules))
    return found


def retention_rows(app: App, period: str, rules: Rules) -> Iterator[Row]:
    """Yield one row per cohort period, segment and period_n, complete or not."""
    for (cohort, segment), users in cohorts(app, period, rules).items():
        for n in range(horizon(period, rules) + 1):
            closes = completes_on(cohort, period, n)
            closes_24h = completes_on_24h(cohort, period, n, rules.timezone)
            complete = closes <= app.watermark
            complete_24h = closes_24h <= app.watermark
            yield (
                app.app_id,
                cohort,
                *segment,
                n,
                shift(cohort, period, n),
                len(users),
                len(users) if complete else None,
                sum(user.between(n, n) for user in users) if complete else None,
                sum(user.from_on(n) for user in users) if complete else None,
                sum(n in user.windows for user in users) if complete_24h else None,
                complete,
                closes,
                closes_24h,
                app.lacks(cohort, period) or app.lacks(shift(cohort, period, n), period),
            )


# -- curves ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """One point of a curve: when a cohort completes it, and whether a user was retained."""

    definition: str
    period: str
    n: int
    n_end: int
    closes: Callable[[date], date]
    retained: Callable[[Seen], bool]


def calendar_point(
    definition: str, period: str, n: int, n_end: int, retained: Callable[[Seen], bool]
) -> Point:
    """Return a point that is complete with the cohort's period ``n_end``."""
    return Point(definition, period, n, n_end, lambda c: completes_on(c, period, n_end), retained)


def points_of_n(period: str, n: int, rules: Rules) -> list[Point]:
    """Return the four points that every ``period_n`` has."""
    end = horizon(period, rules)
    return [
        calendar_point("classic", period, n, n, lambda user: user.between(n, n)),
        calendar_point("unbounded", period, n, n, lambda user: user.from_on(n)),
        calendar_point("unbounded_to_horizon", period, n, end, lambda user: user.between(n, end)),
        Point(
            "window_24h",
            period,
            n,
            n,
            lambda cohort: completes_on_24h(cohort, period, n, rules.timezone),
            lambda user: n in user.windows,
        ),
    ]


def bracket_point(period: str, first: int, last: int) -> Point:
    """Return the point of one bracket."""
    return calendar_point("bracket", period, first, last, lambda user: user.between(first, last))


def points(period: str, rules: Rules) -> list[Point]:
    """Return every point of the period's five curves."""
    end = horizon(period, rules)
    found = [point for n in range(end + 1) for point in points_of_n(period, n, rules)]
    brackets = rules.brackets.get(period, [])
    return found + [bracket_point(period, first, last) for first, last in brackets if last <= end]


def wilson(retained: int, eligible: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, within 0..1, rounded to 12 decimals."""
    p = retained / eligible
    scale = 1 + Z_95**2 / eligible
    centre = (p + Z_95**2 / (2 * eligible)) / scale
    half = Z_95 * math.sqrt(p * (1 - p) / eligible + Z_95**2 / (4 * eligible**2)) / scale
    return round(max(0.0, centre - half), 12), round(min(1.0, centre + half), 12)


def curve_rows(app: App, period: str, rules: Rules) -> Iterator[Row]:
    """Yield one row per point of the period's curves; none for an app without cohort users."""
    users_of: dict[date, list[Seen]] = defaultdict(list)
    for (cohort, _), users in cohorts(app, period, rules).items():
        users_of[cohort] += users
    if not users_of:
        return
    for point in points(period, rules):
        complete = [cohort for cohort in users_of if point.closes(cohort) <= app.watermark]
        counts: Row = (None, None, None, None, None)
        touched = None
        if complete:
            touched = sum(
                len(users_of[cohort])
                for cohort in complete
                if app.lacks(cohort, period)
                or any(
                    app.lacks(shift(cohort, period, n), period)
                    for n in range(point.n, point.n_end + 1)
                )
            )
            eligible = sum(len(users_of[cohort]) for cohort in complete)
            retained = sum(point.retained(user) for cohort in complete for user in users_of[cohort])
            counts = (eligible, retained, retained / eligible, *wilson(retained, eligible))
        yield (
            app.app_id,
            point.definition,
            period,
            point.n,
            point.n_end,
            *counts,
            len(complete),
            bool(complete),
            point.closes(min(users_of)),
            touched,
        )


# -- growth and activity ---------------------------------------------------------------------------


def growth_rows(app: App, period: str, rules: Rules) -> Iterator[Row]:
    """Yield one row per period from the first active day's to the watermark's."""
    if not app.active:
        return
    users_in: dict[date, set[str]] = defaultdict(set)
    for day, users in app.active.items():
        users_in[period_start(day, period, rules.week_start)] |= users
    start = min(users_in)
    before: set[str] = set()
    ever: set[str] = set()
    while start <= app.watermark:
        now = users_in.get(start, set())
        closes = last_day(start, period)
        complete = closes <= app.watermark
        counts: Row = (None, None, None, None, None, None)
        if complete:
            new = len(now - ever)
            resurrected = len((now & ever) - before)
            churned = len(before - now)
            ratio = (new + resurrected) / churned if churned else None
            counts = (len(now), new, len(now & before), resurrected, churned, ratio)
        lacks = app.lacks(start, period) or app.lacks(shift(start, period, -1), period)
        yield (app.app_id, period, start, *counts, complete, closes, lacks)
        before = now
        ever = ever | now
        start = shift(start, period, 1)


def active_within(app: App, day: date, days: int) -> int:
    """Return the number of users active in the ``days`` days that end on ``day``."""
    users: set[str] = set()
    for back in range(days):
        users |= app.active.get(day - timedelta(days=back), set())
    return len(users)


def activity_rows(app: App, rules: Rules) -> Iterator[Row]:
    """Yield one row per day from the first active day to the watermark."""
    if not app.active:
        return
    day = min(app.active)
    ever: set[str] = set()
    while day <= app.watermark:
        now = app.active.get(day, set())
        dau = len(now)
        mau = active_within(app, day, rules.mau_days)
        yield (
            app.app_id,
            day,
            dau,
            active_within(app, day, 7),
            mau,
            dau / mau if mau else None,
            len(now - ever),
            app.events.get(day, 0),
            day in app.missing,
        )
        ever = ever | now
        day += ONE_DAY


def user_rows(app: App) -> Iterator[Row]:
    """Yield the app's users with any activity, and those of them who are in no cohort."""
    users = set().union(*app.active.values())
    if users:
        yield (app.app_id, len(users), len(users & app.without_start))


# -- all of them -----------------------------------------------------------------------------------


def marts(
    events: Iterable[Event],
    watermarks: Mapping[str, date],
    rules: Rules,
    segment_order: Callable[[Segment], int],
    missing: Mapping[str, frozenset[date]] | None = None,
) -> dict[str, list[Row]]:
    """Return mart -> its rows, sorted; the key columns come first, so no NULL is ever compared.

    With them goes int_app_users, of which the scorecard has its users.

    ``segment_order`` breaks the tie between a user's first events of one instant: smallest wins.
    ``missing`` has the days of each app on which something lacks.
    """
    apps = read_apps(events, watermarks, rules, segment_order, missing or {})
    found: dict[str, list[Row]] = {
        name: [row for app in apps for row in retention_rows(app, period, rules)]
        for period, name in RETENTION_MARTS.items()
    }
    found["fct_retention_curves"] = [
        row for app in apps for period in PERIODS for row in curve_rows(app, period, rules)
    ]
    found["fct_growth_accounting"] = [
        row for app in apps for period in PERIODS for row in growth_rows(app, period, rules)
    ]
    found["int_app_users"] = [row for app in apps for row in user_rows(app)]
    found["fct_app_activity_daily"] = [row for app in apps for row in activity_rows(app, rules)]
    return {name: sorted(rows) for name, rows in found.items()}
