"""Random worlds: an app's events, the extracts that bring them, and what becomes of these.

A world is drawn from a seed, so that its number is all that is needed to have it again. What is
drawn leans towards what is hard: the edges of days, changes of clocks, ties on the first event,
events that come late, twice, or not for long.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from tests.oracle import Event, Rules, is_activity, reporting_day

KINDS = ("plain", "ruled", "invited", "strict")
"""What an app's rules are: none, some events count as activity, one event starts a cohort, or both,
where the event that starts a cohort is no activity itself."""

NAMES = ("open", "like", "push", "signup")
SPANS = {"clocks go back": date(2025, 10, 5), "clocks go forward": date(2026, 3, 1)}
DAYS = 45

What = Literal["land", "quarantine", "release", "discard", "forget", "declare", "unlist", "prune"]


@dataclass(frozen=True)
class Link:
    """A row that tells that an anonymous user is a known one. ``time`` is naive UTC."""

    anonymous: str
    known: str
    time: datetime


@dataclass(frozen=True)
class Extract:
    """One extract: its events, each once, and the rows among them that link two users.

    ``source`` is which of the app's two sources brings it.
    """

    name: str
    events: tuple[Event, ...]
    links: tuple[Link, ...] = ()
    source: int = 0


@dataclass(frozen=True)
class Change:
    """One thing that happens: to an extract, to a source's declared last day, or to all raw events.

    To unlist takes a source of the app out of the sources file; what has landed stays.
    """

    what: What
    extract: str = ""
    day: date | None = None
    source: int = 0


@dataclass(frozen=True)
class World:
    """One app: its extracts, and what happens between one build and the next."""

    app_id: str
    extracts: tuple[Extract, ...]
    steps: tuple[tuple[Change, ...], ...]

    def extract(self, name: str) -> Extract:
        return next(extract for extract in self.extracts if extract.name == name)


def draw_world(
    app_id: str, seed: str, rules: Rules, steps: int, prunings: Collection[int] = ()
) -> World:
    """A world out of its seed. ``rules`` say the zone, around whose days the events lie.

    ``prunings`` are the steps that begin with one: all apps of a warehouse are pruned together.
    """
    chance = random.Random(seed)
    first_day = SPANS[chance.choice(sorted(SPANS))]
    idle = set(NAMES) - rules.activity_events.get(app_id, set(NAMES))
    is_idle = bool(idle) and chance.random() < 0.25
    names = sorted(idle) if is_idle else NAMES
    events = list(history(app_id, rules, first_day, chance, names=names))
    links = list(_links(events, chance)) if chance.random() < 0.5 else []
    extracts = _cut(events, links, chance)
    declares = is_idle or chance.random() < 0.5
    happenings = _happenings(extracts, first_day, steps, declares, chance)
    return World(
        app_id,
        extracts,
        tuple(
            (Change("prune"), *changes) if step in prunings else changes
            for step, changes in enumerate(happenings)
        ),
    )


def history(
    app_id: str,
    rules: Rules,
    first_day: date,
    chance: random.Random,
    users: tuple[int, int] = (2, 7),
    names: Sequence[str] = NAMES,
) -> Iterator[Event]:
    """Events around midnight, whole days apart to the minute, on the longest and shortest day.

    ``users`` are how many the app has: at least, and at most. ``names`` are those of the events.
    """
    zone = ZoneInfo(rules.timezone)
    for user in range(chance.randint(*users)):
        day = first_day + timedelta(days=chance.randint(0, DAYS - 1))
        hour, minute = chance.choice([(0, 0), (0, 1), (23, 59), (chance.randint(0, 23), 30)])
        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        start = local.astimezone(UTC).replace(tzinfo=None)
        times = {start}
        for _ in range(chance.randint(0, 12)):
            apart = timedelta(hours=24 * chance.randint(0, chance.choice([2, 8, 40])))
            slip = timedelta(minutes=chance.choice([0, 0, -1, 1, 30, 600, 1430]))
            times.add(start + apart + slip)
        platform, country = chance.choice(["ios", "web", None]), chance.choice(["de", None])
        for n, time in enumerate(sorted(times)):
            for twin in range(chance.choice([1, 1, 1, 2])):  # two events at one instant
                yield Event(
                    app_id=app_id,
                    user=f"u{user}",
                    event_id=f"{app_id}-{user}-{n}-{twin}",
                    name=chance.choice(names),
                    time=time,
                    platform=chance.choice([platform, "tv"]),
                    country=country and country.upper(),
                    channel=chance.choice(["paid", "organic", None]),
                    app_version=chance.choice(["1.0", "1.10", None]),
                )


def _links(events: Sequence[Event], chance: random.Random) -> Iterator[Link]:
    """Some users turn out to be others: told at events of theirs, perhaps of several others."""
    users = sorted({event.user for event in events})
    anonymous = users[: len(users) // 3 + 1]
    known = users[len(anonymous) :]
    for user in anonymous if known else ():
        times = sorted({event.time for event in events if event.user == user})
        for time in chance.sample(times, k=min(len(times), chance.choice([1, 1, 2]))):
            yield Link(user, chance.choice(known), time)


def _cut(
    events: Sequence[Event], links: Sequence[Link], chance: random.Random
) -> tuple[Extract, ...]:
    """Overlapping extracts; some events come again in another one, most of them in their time.

    One source brings them all, or each is of one of two.
    """
    sources = chance.choice([1, 2])
    parts: list[dict[str, Event]] = [{} for _ in range(chance.randint(2, 4))]
    linked: list[list[Link]] = [[] for _ in parts]
    for number, event in enumerate(events):
        in_time = len(parts) * number // len(events)
        places = {chance.choice([in_time, in_time, chance.randrange(len(parts))])}
        if chance.random() < 0.3:
            places.add(chance.randrange(len(parts)))
        for place in places:
            parts[place][event.event_id] = event
    for link in links:
        linked[chance.randrange(len(parts))].append(link)
    return tuple(
        Extract(f"part{n}", tuple(part.values()), tuple(of_part), chance.randrange(sources))
        for n, (part, of_part) in enumerate(zip(parts, linked, strict=True))
    )


def _happenings(
    extracts: Sequence[Extract],
    first_day: date,
    steps: int,
    declares: bool,
    chance: random.Random,
) -> Iterator[tuple[Change, ...]]:
    """What happens before each build. An extract lands first, whatever becomes of it later.

    A change that cannot take place, such as the release of what is not in quarantine, says so when
    it is tried: it is drawn all the same.
    """
    waiting = [extract.name for extract in extracts]
    chance.shuffle(waiting)
    landed: list[str] = []
    unlisted_at = chance.choice([*range(1, steps), *itertools.repeat(None, 2 * steps)])
    unlisted = chance.choice([(0,), (1,), (0, 1), (0, 1)])
    declared = {n: first_day + timedelta(days=chance.randint(15, DAYS + 20)) for n in (0, 1)}
    declaring = set(chance.choice([(0,), (1,), (0, 1)])) if declares else set()
    for step in range(steps):
        changes: list[Change] = []
        if step == unlisted_at:
            declaring -= set(unlisted)
            changes += [Change("unlist", source=number) for number in unlisted]
        for number in sorted(declaring):
            if step == 0 or chance.random() < 0.4:
                changes.append(Change("declare", day=declared[number], source=number))
                declared[number] += timedelta(days=chance.choice([-6, -3, 1, 5]))
        for _ in range(chance.choice([0, 1, 1, 2]) if step else 1):
            if waiting:
                landed.append(waiting.pop())
                changes.append(Change("land", landed[-1]))
        for name in landed:
            if chance.random() < 0.35:
                what: What = chance.choice(
                    ["quarantine", "quarantine", "release", "release", "discard", "forget"]
                )
                changes.append(Change(what, name))
                if what == "forget" and chance.random() < 0.8:
                    changes.append(Change("land", name))
        yield tuple(changes)


# -- what an observer knows of a world -------------------------------------------------------------


@dataclass
class Fate:
    """What has become of a world: ``status`` by extract, ``declared`` by source that is listed."""

    world: World
    status: dict[str, str]
    declared: dict[int, date | None]

    @classmethod
    def of(cls, world: World) -> Fate:
        return cls(world, {}, dict.fromkeys((0, 1)))

    def note(self, change: Change) -> None:
        """Note a change that has taken place."""
        if change.what == "declare":
            self.declared[change.source] = change.day
        elif change.what == "unlist":
            self.declared.pop(change.source, None)
        elif change.what == "forget":
            self.status[change.extract] = "forgotten"
        elif change.what != "prune":
            after = {"land": "landed", "release": "landed", "discard": "discarded"}
            self.status[change.extract] = after.get(change.what, "quarantined")

    def visible(self) -> list[Extract]:
        return [
            extract for extract in self.world.extracts if self.status.get(extract.name) == "landed"
        ]

    def events(self) -> list[Event]:
        """The visible events, each once, as those of the users whose they turn out to be."""
        whose = self.aliases()
        by_id = {event.event_id: event for extract in self.visible() for event in extract.events}
        return [replace(event, user=whose.get(event.user, event.user)) for event in by_id.values()]

    def aliases(self) -> dict[str, str]:
        """Anonymous user -> the known one that they were first seen as."""
        links = sorted(
            (link.time, link.known, link.anonymous)
            for extract in self.visible()
            for link in extract.links
        )
        return {anonymous: known for _, known, anonymous in reversed(links)}

    def watermark(self, rules: Rules) -> date | None:
        """The slowest source's declared day, or else the one before the last day it has brought.

        Where no source that is listed says anything, the day before the last one with activity.
        """
        visible = self.visible()
        found = [
            day or _day_before_the_last(rules, [e for e in visible if e.source == number])
            for number, day in self.declared.items()
        ]
        days = [day for day in found if day]
        if not days:
            of_activity = _day_before_the_last(rules, visible, lambda e: is_activity(e, rules))
            days = [of_activity] if of_activity else []
        return min(days) - timedelta(days=rules.late_data_allowance_days) if days else None


def _day_before_the_last(
    rules: Rules, extracts: Sequence[Extract], counts: Callable[[Event], bool] = lambda _: True
) -> date | None:
    times = [event.time for extract in extracts for event in extract.events if counts(event)]
    return reporting_day(max(times), rules.timezone) - timedelta(days=1) if times else None


# -- what was drawn --------------------------------------------------------------------------------


def interesting(worlds: Iterable[World], rules: Rules) -> Mapping[str, int]:
    """How many of the worlds hold each of the cases for whose sake they are drawn."""
    found: Counter[str] = Counter()
    for world in worlds:
        found.update(_cases(world, rules))
    return found


CASES = (
    "a tie on the first event",
    "several segments",
    "a user with events in one extract only",
    "a first event that comes late",
    "an event in two extracts",
    "a quarantine",
    "a release",
    "a discard",
    "landing again",
    "a merge of two users",
    "a pruning",
    "a watermark that moves back",
    "a day of a change of clocks",
    "a build without anything new",
    "a cohort that starts without activity",
    "an app that is not listed any more",
    "an app of two sources",
    "a declared day without activity",
)


def _cases(world: World, rules: Rules) -> Iterator[str]:
    events = {event.event_id: event for e in world.extracts for event in e.events}.values()
    by_user: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.time):
        by_user.setdefault(event.user, []).append(event)
    segments = {tuple(getattr(event, name) for name in rules.segments) for event in events}
    changes = [change for step in world.steps for change in step]
    landings = [change.extract for change in changes if change.what == "land"]
    if any(
        len({tuple(getattr(e, s) for s in rules.segments) for e in own if e.time == own[0].time})
        > 1
        for own in by_user.values()
    ):
        yield "a tie on the first event"
    if len(segments) > 1:
        yield "several segments"
    holders = {
        user: {e.name for e in world.extracts if any(event.user == user for event in e.events)}
        for user in by_user
    }
    if len(world.extracts) > 1 and any(len(names) == 1 for names in holders.values()):
        yield "a user with events in one extract only"
    first_landing = {name: n for n, name in reversed(list(enumerate(landings)))}
    for user, own in by_user.items():
        with_first = [e.name for e in world.extracts if own[0] in e.events]
        others = holders[user] - set(with_first)
        firsts = [first_landing[name] for name in with_first if name in first_landing]
        if firsts and any(first_landing.get(name, len(landings)) < min(firsts) for name in others):
            yield "a first event that comes late"
            break
    if sum(len(e.events) for e in world.extracts) > len(events):
        yield "an event in two extracts"
    for what, case in {
        "quarantine": "a quarantine",
        "release": "a release",
        "discard": "a discard",
        "prune": "a pruning",
    }.items():
        if any(change.what == what for change in changes):
            yield case
    if len(landings) > len(set(landings)):
        yield "landing again"
    if any(e.links for e in world.extracts):
        yield "a merge of two users"
    of_sources = {extract.source for extract in world.extracts}
    if of_sources <= {change.source for change in changes if change.what == "unlist"}:
        yield "an app that is not listed any more"
    if len(of_sources) > 1:
        yield "an app of two sources"
    declared = [
        [change.day for change in changes if change.day and change.source == number]
        for number in (0, 1)
    ]
    if any(later < earlier for days in declared for earlier, later in itertools.pairwise(days)):
        yield "a watermark that moves back"
    if any(_has_a_change_of_clocks(event.time, rules.timezone) for event in events):
        yield "a day of a change of clocks"
    if any(not step for step in world.steps[1:]):
        yield "a build without anything new"
    activity = rules.activity_events.get(world.app_id)
    starts = rules.cohort_events.get(world.app_id, frozenset())
    if activity and any(event.name in starts - activity for event in events):
        yield "a cohort that starts without activity"
    if any(declared) and not any(is_activity(event, rules) for event in events):
        yield "a declared day without activity"


def _has_a_change_of_clocks(time: datetime, zone: str) -> bool:
    day = reporting_day(time, zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    return noon.utcoffset() != (noon - timedelta(days=1)).utcoffset()
