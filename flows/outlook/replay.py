"""Judge an app day by day, each day with what was complete then: when would it have been called?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb

from flows.errors import AfterhypeError, ConfigurationError
from flows.outlook import tables
from flows.outlook.backtest import Experience
from flows.outlook.fitting import app_histories, app_rank_days
from flows.outlook.verdict import Verdict, judge
from flows.settings import Settings
from flows.sources import Sources
from flows.warehouse import connect

DAILY_UNTIL = 21
"""Days of an app's life that are shown one by one; afterwards a week is enough to see it."""


def replay(
    settings: Settings,
    sources: Sources,
    app_id: str,
    as_of: date | None = None,
    every: int | None = None,
) -> list[tuple[int, Verdict]]:
    """The verdicts on an app by its age in days: on ``as_of``, or from the first day to the
    watermark.

    Reads the warehouse as the last build left it, cut at each day; what landed late is in it.
    Without ``every`` the first DAILY_UNTIL days are shown and then each seventh. Raises
    AfterhypeError where nothing is built or the app has no users, ConfigurationError for a day
    outside its life.
    """
    with connect(settings, read_only=True) as con:
        try:
            apps = {app.app_id: app for app in app_histories(con, sources.horizon_days)}
            known = tables.outcomes(con.table("outlook.forecast_backtest"))
            ranks = app_rank_days(con)
        except duckdb.CatalogException:
            raise AfterhypeError(
                f"{settings.warehouse_path}: nothing is built yet. Run `afterhype run` first."
            ) from None
    if app_id not in apps:
        raise AfterhypeError(
            f"replay: no app {app_id!r} with users in {settings.warehouse_path} "
            f"(known: {', '.join(apps) or 'none'})"
        )
    history = apps[app_id]
    if as_of and not history.first_date <= as_of <= history.watermark:
        raise ConfigurationError(
            f"replay: --as-of {as_of} is outside what is known of {app_id}: "
            f"{history.first_date} to {history.watermark}"
        )
    days = [as_of] if as_of else list(_days(history.first_date, history.watermark, every))
    experience = Experience(known)
    return [
        (
            (day - history.first_date).days,
            judge(history, day, sources.verdict, experience.by(day), ranks.get(app_id, ())),
        )
        for day in days
    ]


def _days(first: date, last: date, every: int | None) -> Iterator[date]:
    for age in range((last - first).days + 1):
        is_shown = age % every == 0 if every else age <= DAILY_UNTIL or age % 7 == 0
        if is_shown or first + timedelta(days=age) == last:
            yield first + timedelta(days=age)
