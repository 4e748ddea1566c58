"""Random worlds: an app's events, the extracts that bring them, and what becomes of these.

A world is drawn from a seed, so that its number is all that is needed to have it again. What is
drawn leans towards what is hard: the edges of days, changes of clocks, ties on the first event,
events that come late, twice, or not for long.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
    """One extract: its events, each once, and the rows among them that link two users."""

    name: str
    events: tuple[Event, ...]
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Change:
    """One thing that happens: to an extract, to the declared last day, or to all raw events.

    To unlist takes the app's source out of the sources file; what has landed stays.
    """

    what: What
    extract: str = ""
    day: date | None = None


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
    events = list(history(app_id, rules, first_day, chance))
    links = list(_links(events, chance)) if chance.random() < 0.5 else []
    extracts = _cut(events, links, chance)
    happenings = _happenings(extracts, first_day, steps, chance)
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
) -> Iterator[Event]:
    """Events around midnight, whole days apart to the minute, on the longest and shortest day.

    ``users`` are how many the app has: at least, and at most.
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
                    name=chance.choice(NAMES),
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
    """Overlapping extracts; some events come again in another one, most of them in their time."""
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
        Extract(f"part{n}", tuple(part.values()), tuple(of_part))
        for n, (part, of_part) in enumerate(zip(parts, linked, strict=True))
    )


def _happenings(
    extracts: Sequence[Extract], first_day: date, steps: int, chance: random.Random
) -> Iterator[tuple[Change, ...]]:
    """What happens before each build. An extract lands first, whatever becomes of it later.

    A change that cannot take place, such as the release of what is not in quarantine, says so when
    it is tried: it is drawn all the same.
    """
    waiting = [extract.name for extract in extracts]
    chance.shuffle(waiting)
    landed: list[str] = []
    unlisted_at = chance.choice([*range(1, steps), *itertools.repeat(None, 3 * steps)])
    declared = first_day + timedelta(days=chance.randint(15, DAYS + 20))
    declares = chance.random() < 0.5
    for step in range(steps):
        changes: list[Change] = []
        if step == unlisted_at:
            declares = False
            changes.append(Change("unlist"))
        if declares and (step == 0 or chance.random() < 0.4):
            changes.append(Change("declare", day=declared))
            declared += timedelta(days=chance.choice([-6, -3, 1, 5]))
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
    """What has become of a world's extracts so far: ``status`` by name, and the declared day."""

    world: World
    status: dict[str, str]
    declared: date | None = None
    is_listed: bool = True

    @classmethod
    def of(cls, world: World) -> Fate:
        return cls(world, {})

    def note(self, change: Change) -> None:
        """Note a change that has taken place."""
        if change.what == "declare":
            self.declared = change.day
        elif change.what == "unlist":
            self.declared, self.is_listed = None, False
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
        """The declared day, or else the one before the last day seen.

        Of an app that is not listed any more the last day seen is the last one with activity.
        """
        if self.declared is not None:
            return self.declared
        times = [
            event.time
            for extract in self.visible()
            for event in extract.events
            if self.is_listed or is_activity(event, rules)
        ]
        if not times:
            return None
        return reporting_day(max(times), rules.timezone) - timedelta(days=1)


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
        "unlist": "an app that is not listed any more",
    }.items():
        if any(change.what == what for change in changes):
            yield case
    if len(landings) > len(set(landings)):
        yield "landing again"
    if any(e.links for e in world.extracts):
        yield "a merge of two users"
    declared = [change.day for change in changes if change.day]
    if any(later < earlier for earlier, later in itertools.pairwise(declared)):
        yield "a watermark that moves back"
    if any(_has_a_change_of_clocks(event.time, rules.timezone) for event in events):
        yield "a day of a change of clocks"
    if any(not step for step in world.steps[1:]):
        yield "a build without anything new"
    activity = rules.activity_events.get(world.app_id)
    starts = rules.cohort_events.get(world.app_id, frozenset())
    if activity and any(event.name in starts - activity for event in events):
        yield "a cohort that starts without activity"


def _has_a_change_of_clocks(time: datetime, zone: str) -> bool:
    day = reporting_day(time, zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
    return noon.utcoffset() != (noon - timedelta(days=1)).utcoffset()
