"""Ten formats, each clean, dirty, delivered again and merged: users, events and D1 as they were.

Forty apps in one home, built once. What is expected is counted from what happened, in plain Python,
not from the files.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import stages
from flows.warehouse import connect
from tests.formats.vendors import FORMATS, Deed, Format

FIRST_DAY = date(2026, 1, 5)
DAYS = 10
CASES = ("good", "dirty", "restated", "merged")
ENRICHED = ("ga4", "table", "objects", "parquet")
"""Formats whose events may lack an id: what is filled in later makes no second event."""

LINKED = ("posthog", "mixpanel")
"""Formats in which an event says that two ids are one user."""

APPS = (
    *((name, case) for name in FORMATS for case in CASES),
    *((name, "enriched") for name in ENRICHED),
    *((name, "linked") for name in LINKED),
)
REPLACED = ("ga4", "parquet")
"""The formats of which the second delivery lies where the first one was, and replaces it."""


@dataclass(frozen=True)
class Numbers:
    """What an app's marts should say."""

    users: int
    events: int
    eligible: int
    retained: int


@dataclass(frozen=True, kw_only=True)
class App:
    """One format in one case: its deliveries, each some files by name, and what they come to.

    ``rejected`` is how many rows cannot be landed.
    """

    form: Format
    deliveries: Sequence[Mapping[str, bytes]]
    numbers: Numbers
    rejected: int
    options: Mapping[str, str]


# -- what happened ---------------------------------------------------------------------------------


def happened(chance: random.Random, *, signs_in_late: bool = False) -> list[Deed]:
    """Twenty users with a device each, three of whom never sign in. No two events are at one time.

    Where they sign in late, the first events of most are their device's only.
    """
    deeds = []
    for number in range(20):
        user = None if number % 7 == 3 else f"user-{number}"
        start = chance.randint(0, DAYS - 3)
        days = [start, *(day for day in range(start + 1, DAYS) if chance.random() < 0.45)]
        late = chance.randint(1, 3) if signs_in_late else 0
        for place, day in enumerate(days):
            moment = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day)
            moment += timedelta(days=day, hours=chance.randint(0, 23), minutes=number)
            deeds.append(
                Deed(
                    event_id=f"{number:04}-{place}",
                    user=user if place >= late else None,
                    device=f"device-{number}",
                    time=moment,
                    name=chance.choice(["open", "play", "buy"]),
                    country=chance.choice(["DE", "BR"]),
                )
            )
    return deeds


def counted(people: Mapping[str, set[str]], events: int) -> Numbers:
    """Users, events and D1 out of the days on which each one was active."""
    eligible = retained = 0
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    for days in people.values():
        next_day = date.fromisoformat(min(days)) + timedelta(days=1)
        if next_day <= last:
            eligible += 1
            retained += next_day.isoformat() in days
    return Numbers(len(people), events, eligible, retained)


def as_sent(deeds: Sequence[Deed]) -> Numbers:
    """A deed is its user's, else its device's."""
    people = defaultdict(set)
    for deed in deeds:
        people[f"user {deed.user}" if deed.user else f"device {deed.device}"].add(_day(deed))
    return counted(people, len(deeds))


def merged(deeds: Sequence[Deed], merges: str) -> Numbers:
    """A device's anonymous deeds are its first user's; or all of its users are one person."""
    users_of: dict[str | None, list[str]] = defaultdict(list)
    for deed in sorted(deeds, key=lambda deed: str(deed.time)):
        if deed.user:
            users_of[deed.device].append(deed.user)
    one_of: dict[str, str] = {}
    if merges == "last":
        for users in users_of.values():
            one_of |= dict.fromkeys(users[:-1], users[-1]) | {users[-1]: users[-1]}
    people = defaultdict(set)
    for deed in deeds:
        users = users_of.get(deed.device, [])
        user = deed.user or (users[0] if users else None)
        people[f"user {one_of.get(user, user)}" if user else f"device {deed.device}"].add(
            _day(deed)
        )
    return counted(people, len(deeds))


def _day(deed: Deed) -> str:
    return str(deed.time)[:10]


# -- what is delivered -----------------------------------------------------------------------------


def good(form: Format, chance: random.Random, folder: Path) -> App:
    deeds = happened(chance)
    files = {"all": form.write(deeds, folder)}
    return App(form=form, deliveries=[files], numbers=as_sent(deeds), rejected=0, options={})


def dirty(form: Format, chance: random.Random, folder: Path) -> App:
    """Rows of nobody, of words that are no ids, without a time, broken, and twice."""
    deeds = happened(chance)
    some = chance.sample(deeds, 12)
    nobody = [replace(deed, event_id=f"n{deed.event_id}", user=None, device=None) for deed in some]
    nobody = [nobody[0], replace(nobody[1], user="undefined"), replace(nobody[2], user="NULL")]
    # the next id counts
    words = [
        replace(deed, event_id=f"w{deed.event_id}", user=word, name="whose")
        for deed, word in zip(some[3:6], ("null", "[object Object]", "None"), strict=True)
    ]
    untimed = [
        replace(some[6], event_id="t1", time="soon"),
        replace(some[7], event_id="t2", time=""),
    ]
    within = [*deeds, *nobody, *words, *untimed, *(some[8:10] if form.has_ids else [])]
    chance.shuffle(within)
    half = len(within) // 2
    first = form.write(within[:half], folder) + b"".join(form.broken)
    second = form.write([*within[half:], *_good_ones(within[:half], 5)], folder)
    landed = [*deeds, *(replace(deed, user=None) for deed in words)]
    return App(
        form=form,
        deliveries=[{"first": first, "second": second}],
        numbers=as_sent(landed),
        rejected=len(nobody) + len(untimed) + len(form.broken),
        options={},
    )


def _good_ones(deeds: Sequence[Deed], count: int) -> list[Deed]:
    return [d for d in deeds if d.user and d.device and isinstance(d.time, datetime)][:count]


def restated(form: Format, chance: random.Random, folder: Path, *, is_replaced: bool) -> App:
    """A second delivery repeats the first, knows more countries, and has what came late.

    Where it replaces the first, events that it no longer has are gone.
    """
    deeds = happened(chance)
    late, early = deeds[::5], [deed for n, deed in enumerate(deeds) if n % 5]
    kept = early[4:] if is_replaced else early
    first = form.write(
        [replace(d, country=None) if n % 2 else d for n, d in enumerate(early)], folder
    )
    second = form.write([*kept, *late], folder)
    names = ("all", "all") if is_replaced else ("first", "second")
    return App(
        form=form,
        deliveries=[{names[0]: first}, {names[1]: second}],
        numbers=as_sent([*kept, *late]),
        rejected=0,
        options={"replaces": "same_path"} if is_replaced and form.entry else {},
    )


def signed_in_late(form: Format, chance: random.Random, folder: Path) -> App:
    """Devices turn out to be users', one of them two users' one after the other."""
    deeds = happened(chance, signs_in_late=True)
    known = [deed for deed in deeds if deed.user]
    last = max(known, key=lambda deed: str(deed.time))
    guest = next(deed for deed in known if deed.user != last.user)
    assert isinstance(last.time, datetime)
    guest = replace(
        guest, event_id="guest", device=last.device, time=last.time + timedelta(seconds=30)
    )
    deeds.append(guest)
    half = len(deeds) // 2
    parts = {"first": deeds[:half], "second": deeds[half:]}
    return App(
        form=form,
        deliveries=[{name: form.write(some, folder) for name, some in parts.items()}],
        numbers=merged(deeds, form.merges),
        rejected=0,
        options={"identity": "merged"},
    )


def enriched(form: Format, chance: random.Random, folder: Path) -> App:
    """A later file, beside the first, repeats its rows with the countries; no event has an id."""
    deeds = happened(chance)
    columns = {c: e for c, e in form.entry.get("columns", {}).items() if c != "event_id"}
    entry = {**form.entry, "columns": columns} if columns else form.entry
    first = form.write([replace(deed, country=None) for deed in deeds], folder)
    return App(
        form=replace(form, entry=entry),
        deliveries=[{"first": first}, {"second": form.write(deeds, folder)}],
        numbers=as_sent(deeds),
        rejected=0,
        options={},
    )


def linked(name: str, form: Format, chance: random.Random, folder: Path) -> App:
    """Users are first seen on a second device; an event then says whose that is. It counts as well.

    No row of the second device has the user's id, but for that event.
    """
    deeds = happened(chance)
    known = {deed.user: deed for deed in reversed(deeds) if deed.user}
    rows, links = list(deeds), []
    for number, (user, first) in enumerate(sorted(known.items(), key=str)):
        assert isinstance(first.time, datetime)
        device = f"second-{number}"
        before = Deed(
            event_id=f"{user}-before",
            user=None,
            device=device,
            time=first.time - timedelta(days=1),
        )
        link = replace(first, event_id=f"{user}-link", time=first.time + timedelta(seconds=20))
        rows.append(before)
        links.append((link, device))
    spelled = b"".join(_link(name, link, device) for link, device in links)
    # as they are: what was done on the second device is the user's
    whose = [
        replace(deed, user=next(link.user for link, device in links if device == deed.device))
        if str(deed.device).startswith("second")
        else deed
        for deed in rows
    ]
    return App(
        form=form,
        deliveries=[{"all": form.write(rows, folder) + spelled}],
        numbers=as_sent([*whose, *(link for link, _ in links)]),
        rejected=0,
        options={"identity": "merged"},
    )


def _link(name: str, link: Deed, device: str) -> bytes:
    assert isinstance(link.time, datetime)
    row: dict[str, Any]
    if name == "posthog":
        row = {
            "uuid": link.event_id,
            "event": "$identify",
            "distinct_id": link.user,
            "person_id": link.user,
            "properties": {"$anon_distinct_id": device},
            "timestamp": f"{link.time.isoformat()}+00:00",
        }
    else:
        ids = [f"$device:{device}", link.user]
        row = {
            "event": "$merge",
            "properties": {
                "time": int((link.time - datetime(1970, 1, 1)).total_seconds()),
                "distinct_id": link.user,
                "$insert_id": link.event_id,
                "$distinct_ids": ids,
            },
        }
    return json.dumps(row).encode() + b"\n"


def drawn(name: str, case: str, folder: Path) -> App:
    """The app of a format and a case."""
    form, chance = FORMATS[name], random.Random(f"{name} {case}")
    match case:
        case "good":
            return good(form, chance, folder)
        case "dirty":
            return dirty(form, chance, folder)
        case "enriched":
            return enriched(form, chance, folder)
        case "linked":
            return linked(name, form, chance, folder)
        case "restated":
            return restated(form, chance, folder, is_replaced=name in REPLACED)
        case _:
            return signed_in_late(form, chance, folder)


# -- what the marts say ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Built:
    """The marts' numbers and the rejects, by the name of the app, and what was expected."""

    apps: Mapping[str, App]
    numbers: Mapping[str, Numbers]
    rejected: Mapping[str, int]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("ten_formats")
    apps = {f"{name}-{case}": drawn(name, case, folder) for name, case in APPS}
    (folder / "sources.yml").write_text(yaml.safe_dump(sources(apps)), encoding="utf-8")
    run = stages.begin(folder / "home", folder / "sources.yml")
    stages.prepare(run)
    for delivery in (0, 1):
        for app_id, app in apps.items():
            if delivery >= len(app.deliveries):
                continue
            for name, content in app.deliveries[delivery].items():
                path = folder / "exports" / app_id / f"{name}.{app.form.suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            (source,) = [source for source in run.sources.events if source.app_id == app_id]
            landing = stages.land_source(run, source, lambda _done, _all: None)
            assert landing.failed == ()
    stages.build(run)
    with connect(run.settings, read_only=True) as con:
        found = con.execute(
            """
            with

            cohorts as (
                select app_id, sum(cohort_users) as users
                from marts.fct_cohort_retention_daily
                where day_n = 0
                group by app_id
            ),

            activity as (
                select app_id, sum(events) as events
                from marts.fct_app_activity_daily
                group by app_id
            )

            select app_id, users, events, eligible_users, retained_users
            from cohorts
            inner join activity using (app_id)
            inner join marts.fct_retention_curves using (app_id)
            where definition = 'classic' and period = 'day' and period_n = 1
            """
        ).fetchall()
        rejected = dict(
            con.execute("select source, count(*) from raw.rejects group by source").fetchall()
        )
    return Built(apps, {app_id: Numbers(*map(int, rest)) for app_id, *rest in found}, rejected)


def sources(apps: Mapping[str, App]) -> dict[str, object]:
    return {
        "timezone": "UTC",
        "horizon_days": 3,
        "apps": [{"app_id": app_id, "name": app_id} for app_id in apps],
        "events": [
            {
                "name": app_id,
                "app_id": app_id,
                "uri": f"exports/{app_id}/*",
                "format": app_id.split("-")[0],
                "complete_through": FIRST_DAY + timedelta(days=DAYS - 1),
                **app.form.entry,
                **app.options,
            }
            for app_id, app in apps.items()
        ],
    }


@pytest.mark.parametrize(("name", "case"), APPS)
def test_users_events_and_d1_are_what_happened(built: Built, name: str, case: str) -> None:
    app_id = f"{name}-{case}"
    app = built.apps[app_id]
    assert built.numbers[app_id] == app.numbers
    assert built.rejected.get(app_id, 0) == app.rejected


def test_what_is_drawn_tells_right_from_wrong() -> None:
    """Each case has what it is there for, so that it cannot come out right by chance."""
    deeds = happened(random.Random("any"), signs_in_late=True)
    assert as_sent(deeds) != merged(deeds, "first")
    assert 0 < as_sent(deeds).retained < as_sent(deeds).eligible
