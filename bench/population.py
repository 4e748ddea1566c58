"""A stationary population of users, as set-based SQL: the same volume on every day, no random()."""

from __future__ import annotations

import math
from dataclasses import dataclass

OLDEST = 180
"""The age in days at which the last of a cohort have left."""

FIRST_DAY = "2024-01-01"
"""The calendar day of day number 0."""

_RETENTION = {0: 1.0} | {age: 0.35 * age**-0.6 for age in range(1, OLDEST + 1)}

_EVENT_NAMES = (
    "app_open",
    "screen_view",
    "search",
    "play",
    "share",
    "like",
    "purchase",
    "sign_out",
)


@dataclass(frozen=True, kw_only=True)
class Population:
    """``installs`` users begin every day, a share of 0.35 n^-0.6 of them is active n days later.

    ``active`` users a day at most, with ``events`` events each. ``first_cohort`` is the number of
    the day on which the oldest users began; by default the app is as old as its oldest users can
    be on day 0, and every day has exactly ``active`` users.
    """

    installs: int
    active: int
    events: int = 4
    first_cohort: int = -OLDEST

    @classmethod
    def of_volume(cls, events_per_day: int, events: int = 4) -> Population:
        """The population that makes that many events a day (rounded to whole users)."""
        active = max(1, round(events_per_day / events))
        installs = math.ceil(active / sum(_RETENTION.values()))
        return cls(installs=installs, active=active, events=events)

    @classmethod
    def of_newcomers(cls, installs: int, events: int) -> Population:
        """The population of an app that opens on day 0 and gains ``installs`` users a day."""
        active = sum(_users(installs).values())
        return cls(installs=installs, active=active, events=events, first_cohort=0)

    @property
    def slots(self) -> str:
        """SQL of the table slots: one row per active user of a day, as age and place in cohort."""
        counts = ", ".join(f"({age}, {users})" for age, users in _users(self.installs).items())
        return f"""
            select row_number() over (order by age, place) - 1 as slot, age, place
            from (
                select age, unnest(range(users)) as place
                from (values {counts}) as ages (age, users)
            )
            qualify slot < {self.active}
        """

    def rows(self, first_day: int, last_day: int) -> str:
        """SQL of the events of the days ``first_day`` to ``last_day`` (exclusive), by time.

        It needs the table slots. Which of a cohort are active is a stride through it from a hashed
        start, so that their number is exact; everything else is a hash of user or row number.
        """
        names = ", ".join(f"'{name}'" for name in _EVENT_NAMES)
        return f"""
            with

            visits as (
                select
                    day,
                    (day * {self.active} + slot) * {self.events} as first_row,
                    (day - age + {OLDEST}) * {self.installs} + (
                        place * {self._stride} + {_hash("day - age, age")} % {self.installs}
                    ) % {self.installs} as user_number
                from range({first_day}, {last_day}) as days (day)
                cross join slots
                where day - age >= {self.first_cohort}
            ),

            numbered as (
                select
                    visits.*,
                    {_hash("user_number")} as user_hash,
                    first_row + event as row_number,
                    {_hash("first_row + event")} as row_hash
                from visits
                cross join range({self.events}) as events (event)
            )

            select
                cast(cast(md5(cast(row_number as varchar)) as uuid) as varchar) as event_id,
                printf('%016x', user_hash) as user_id,
                timestamp '{FIRST_DAY}' + to_days(cast(day as int))
                + to_milliseconds(row_hash % 86400000) as event_time,
                [{names}][1 + row_hash // 86400000 % {len(_EVENT_NAMES)}] as event_name,
                ['ios', 'android'][1 + user_hash % 2] as platform,
                ['US', 'DE', 'JP'][1 + user_hash // 2 % 3] as country,
                ['1.8', '1.9', '1.10', '2.0'][1 + (user_hash // 12 + day // 45) % 4] as app_version,
                ['organic', 'paid'][1 + user_hash // 6 % 2] as channel
            from numbered
            order by event_time, row_number
        """

    @property
    def _stride(self) -> int:
        """About the golden section of a cohort, and coprime to it: no place comes twice."""
        stride = max(1, round(self.installs * 0.618))
        while math.gcd(stride, self.installs) > 1:
            stride += 1
        return stride


def _users(installs: int) -> dict[int, int]:
    """How many of a cohort are active at each age in days, rounded up."""
    return {age: math.ceil(installs * share) for age, share in _RETENTION.items()}


def _hash(expression: str) -> str:
    """SQL of a hash that fits a signed number."""
    return f"cast(hash({expression}) >> 1 as bigint)"
