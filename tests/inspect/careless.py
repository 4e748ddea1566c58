"""Tables as a careless exporter writes them: each drawn from a number, with what it should land as.

The exporter knows what it means and writes it in its own way: any delimiter, quotes, line ends,
encoding, packing, types of ids, words for nothing and spellings of time, in a table of text, in
JSON lines, in a JSON array or in Parquet.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import random
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import duckdb

Kind = Literal["csv", "ndjson", "json", "parquet"]
Canonical = tuple[str, str, datetime, str | None, str | None, str | None, str | None]
"""User, event name, time (naive UTC), platform, country, app version, channel."""

START = datetime(2026, 1, 3)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A row as the exporter means it. ``user`` is None where it knows none."""

    user: str | None
    name: str
    time: datetime
    event_id: str
    platform: str | None
    country: str | None
    app_version: str | None
    channel: str | None


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file's name and bytes, the rows it was written from, and what is remarkable about it.

    ``rows`` are those that should land, ``nobodies`` how many have no user, ``bad`` how
    many lines are no rows or have no time. Where lines end in more
    than one way, which of them a line break in a value is, need not stay as it was.
    """

    seed: int
    name: str
    content: bytes
    rows: tuple[Canonical, ...]
    nobodies: int
    bad: int
    has_mixed_ends: bool
    cases: frozenset[str]


DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
LINE_ENDS = {"\n": "LF", "\r\n": "CRLF", "\r": "CR", "": "mixed line ends"}
NOTHING = (
    "", "NULL", "null", "None", "nil", "NaN", "undefined", "\\N", "n/a", "unknown", "anonymous",
    "[object Object]", "(null)", "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
"""What is written for no user: nothing, or a word of the documented list."""

NAMES = {
    "user": (
        "user_id", "User ID", "userId", "USER_ID", " user id ", "uid", "customer_id", "Distinct ID",
    ),
    "time": (
        "event_time", "Timestamp", "ts", "occurred_at", "Event Time", "created_at", "TIME", "date ",
    ),
    "name": ("event_name", "Event", "action", "eventName", "EVENT TYPE", "activity"),
    "event_id": ("event_id", "insert_id", "Message ID", "uuid", "eventId"),
    "platform": ("platform", "OS", "device_os"),
    "country": ("country", "Country Code", "geo_country"),
    "app_version": ("app_version", "Version"),
    "channel": ("channel", "utm_source", "Media Source"),
}  # fmt: skip
EXTRAS = ("notes", "Amount (EUR)", "session", "referrer", "experiment", "revenue", "1st seen by")

SPELLINGS = {
    "day.month.year": "%d.%m.%Y %H:%M:%S",
    "day/month/year": "%d/%m/%Y %H:%M:%S",
    "month/day/year": "%m/%d/%Y %H:%M:%S",
    "month/day/year and AM or PM": "%m/%d/%Y %I:%M:%S %p",
    "year/month/day": "%Y/%m/%d %H:%M:%S",
    "ISO without signs": "%Y%m%dT%H%M%SZ",
    "mail's times": "%a, %d %b %Y %H:%M:%S +0000",
    "with the name of UTC": "%Y-%m-%d %H:%M:%S UTC",
    "without seconds": "%Y-%m-%dT%H:%M",
}

NAIVE = {
    "times without a zone", "without seconds", "with and without a zone", "day.month.year",
    "day/month/year", "month/day/year", "month/day/year and AM or PM", "year/month/day",
}  # fmt: skip
"""Spellings that do not say in which zone they are."""

DAYS_OR_MONTHS = frozenset({"day/month/year", "month/day/year", "month/day/year and AM or PM"})
"""Spellings by which 03/02/2026 is a day of February or of March."""

PLAIN_NAMES = ("open", "play", "level done", "purchase", "sign-up", "share:photo")
AWKWARD_NAMES = {
    "a quote in a value": ('say "hi"', 'a 5" screen', '"quoted"'),
    "a delimiter in a value": ("a, b", "a; b", "a | b", "x\ty"),
    "a line break in a value": ("two\nlines", "two\r\nlines", "para\n\ngraph, and more"),
    "a backslash in a value": ("C:\\temp", "back\\slash", "ends in \\"),
    "beyond ASCII": ("Café geöffnet", "naïve", "Größe"),
    "beyond Latin-1": ("開く", "открыть", "🎉 party"),
}

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": "a byte-order mark",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 without a mark",
    "utf-16-be": "UTF-16 without a mark",
    "cp1252": "cp1252",
    "latin-1": "Latin-1",
}
PACKINGS = (
    "plain", "plain", "plain", "gzip", "gzip by another name", "plain text under .gz", "zip",
)  # fmt: skip

TIMES = (
    "ISO with Z", "ISO with Z", "ISO with an offset", "times without a zone",
    "times without a zone", "seconds since 1970", "milliseconds since 1970", "fractions of seconds",
    "day.month.year", "seconds with a decimal point", "microseconds since 1970", "month/day/year",
    "day/month/year", "month/day/year and AM or PM", "year/month/day", "ISO without signs",
    "mail's times", "with the name of UTC", "without seconds", "with and without a zone",
)  # fmt: skip

CASES = (
    *dict.fromkeys(DELIMITERS.values()), *LINE_ENDS.values(), *dict.fromkeys(ENCODINGS.values()),
    *dict.fromkeys(PACKINGS), *dict.fromkeys(TIMES), *AWKWARD_NAMES,
    "quotes around all", "quotes where they are needed", "no quotes at all",
    "quotes doubled", "quotes behind a backslash", "sep=", "empty rows", "blank lines",
    "no end of the last line", "ids: int", "ids: float", "ids: text", "ids: uuid",
    "ids: zeros in front", "ids: R's numbers", "a word for no user", "no user",
    "repeated events", "no event names",
    "no event ids", "extra columns", "csv", "ndjson", "json", "parquet", "JSON on one line",
    "JSON over many lines", "keys left out", "the header again", "a line at the end that is no row",
    "a line that is no object", "more rows than are looked at", "spaces around values",
    "a delimiter at the end of each row", "a line above the header", "objects within objects",
    "an envelope", "an array with an object per line",
)  # fmt: skip
"""What is counted over all that is drawn; each must occur."""


@dataclass
class _Pen:
    """How one exporter writes."""

    chance: random.Random
    kind: Kind
    encoding: str
    packing: str
    times: str
    ids: str
    nothing: str
    names: dict[str, str]
    extras: list[str]
    order: list[str]
    has_mixed_ends: bool = False
    bad: int = 0
    cases: set[str] = field(default_factory=set)


def draw_export(seed: int, folder: Path) -> Export:
    """The export of a number. ``folder`` is for what DuckDB has to write."""
    chance = random.Random(f"careless {seed}")
    kind: Kind = chance.choice(["csv", "csv", "csv", "csv", "ndjson", "ndjson", "json", "parquet"])
    pen = _draw_pen(chance, kind)
    facts = _draw_facts(pen)
    if kind == "csv":
        text, written = _as_csv(pen, facts)
    elif kind == "parquet":
        text, written = "", facts
    else:
        text, written = _as_json(pen, facts), facts
    content = _as_parquet(pen, facts, folder) if kind == "parquet" else _encoded(pen, text)
    name, packed = _packed(pen, content, f"export_{seed}")
    if pen.times in NAIVE:
        pen.cases.add("times without a zone")
    pen.cases.update({kind, pen.times, f"ids: {pen.ids}", pen.packing})
    if kind != "parquet":
        pen.cases.add(ENCODINGS[pen.encoding])
    rows = list({fact.event_id: fact for fact in reversed(written) if fact.user}.values())
    counted = rows if "event_id" in pen.names else [fact for fact in written if fact.user]
    known = [fact for fact in written if fact.user]
    return Export(
        seed=seed,
        name=name,
        content=packed,
        rows=tuple(_canonical(pen, fact) for fact in counted),
        nobodies=len(written) - len(known),
        bad=pen.bad,
        has_mixed_ends=pen.has_mixed_ends,
        cases=frozenset(pen.cases),
    )


def _draw_pen(chance: random.Random, kind: Kind) -> _Pen:
    names = {
        column: chance.choice(NAMES[column])
        for column in NAMES
        if column in ("user", "time") or chance.random() < 0.75
    }
    extras = chance.sample(EXTRAS, chance.choice([0, 0, 1, 2, 4]))
    order = [*names, *extras]
    chance.shuffle(order)
    encoding = "utf-8"
    if kind == "csv":
        encoding = chance.choice([*ENCODINGS, "utf-8", "utf-8", "utf-8", "utf-8"])
    elif kind != "parquet":
        encoding = chance.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"])
    return _Pen(
        chance=chance,
        kind=kind,
        encoding=encoding,
        packing="plain" if kind == "parquet" else chance.choice(PACKINGS),
        times=chance.choice(TIMES),
        ids=chance.choice(["int", "float", "text", "uuid", "zeros in front", "R's numbers"]),
        nothing=chance.choice(NOTHING),
        names=names,
        extras=extras,
        order=order,
    )


def _draw_facts(pen: _Pen) -> list[Fact]:
    chance = pen.chance
    users = [_draw_user(pen) for _ in range(chance.randint(3, 9))]
    pool = [*PLAIN_NAMES]
    for case, names in AWKWARD_NAMES.items():
        if chance.random() < 0.3 and _can_write(pen, names):
            pool += names
            pen.cases.add(case)
    nobody = chance.choice([0.0, 0.0, 0.1, 0.3])
    facts = [_draw_fact(pen, users, pool, nobody) for _ in range(_rows(pen))]
    for fact in facts:
        if fact.user is None:
            pen.cases |= {"no user"} | ({"a word for no user"} if pen.nothing else set())
    if "event_id" in pen.names and chance.random() < 0.4:
        facts += chance.sample(facts, min(3, len(facts)))
        pen.cases.add("repeated events")
    if "event_id" not in pen.names:
        pen.cases.add("no event ids")
    if "name" not in pen.names:
        pen.cases.add("no event names")
    if pen.extras:
        pen.cases.add("extra columns")
    return facts


def _rows(pen: _Pen) -> int:
    if pen.chance.random() < 0.05:
        pen.cases.add("more rows than are looked at")
        return pen.chance.randint(250, 600)
    return pen.chance.randint(4, 40)


def _can_write(pen: _Pen, values: Iterable[str]) -> bool:
    try:
        for value in values:
            value.encode(pen.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _draw_user(pen: _Pen) -> str:
    chance = pen.chance
    match pen.ids:
        case "int":
            return str(chance.randint(1, 10 ** chance.choice([3, 6, 12, 18])))
        case "float":
            return str(chance.randint(1, 10 ** chance.choice([3, 6, 12])))
        case "R's numbers":
            return str(chance.choice([100_000, 300_000, chance.randint(1, 999_999)]))
        case "uuid":
            return str(uuid.UUID(int=chance.getrandbits(128), version=4))
        case "zeros in front":
            return f"{chance.randint(1, 9999):08}"
        case _:
            return chance.choice(["ann", "bob", "u-", "user.", "X"]) + str(chance.randint(1, 999))


def _draw_fact(pen: _Pen, users: Sequence[str], pool: Sequence[str], nobody: float) -> Fact:
    chance = pen.chance
    time = START + timedelta(seconds=chance.randint(0, 40 * 86_400))
    if pen.times in ("fractions of seconds", "milliseconds since 1970"):
        time += timedelta(milliseconds=chance.randint(0, 999))
    if pen.times == "without seconds":
        time = time.replace(second=0)
    return Fact(
        user=None if chance.random() < nobody else chance.choice(users),
        name=chance.choice(pool),
        time=time,
        event_id=f"e{chance.getrandbits(48):012x}",
        platform=chance.choice(["ios", "Android", "WEB", None]),
        country=chance.choice(["de", "US", "Côte d'Ivoire", None]),
        app_version=chance.choice(["1.10", "2.0", "2.0.1-beta", None]),
        channel=chance.choice(["organic", "paid social", None]),
    )


def _canonical(pen: _Pen, fact: Fact) -> Canonical:
    def kept(column: str, value: str | None) -> str | None:
        return value if column in pen.names else None

    platform, country = kept("platform", fact.platform), kept("country", fact.country)
    return (
        fact.user or "",
        fact.name if "name" in pen.names else "event",
        fact.time,
        platform.lower() if platform else None,
        country.upper() if country and len(country) == 2 else country,
        kept("app_version", fact.app_version),
        kept("channel", fact.channel),
    )


# -- values ----------------------------------------------------------------------------------------


def _spelled(pen: _Pen, fact: Fact) -> dict[str, Any]:
    """The row's values by the exporter's names; None where it has nothing."""
    values: dict[str, Any] = {
        "user": _user_as_written(pen, fact.user),
        "time": _time_as_written(pen, fact.time),
        "name": fact.name,
        "event_id": fact.event_id,
        "platform": fact.platform,
        "country": fact.country,
        "app_version": fact.app_version,
        "channel": fact.channel,
    }
    extra = {name: _extra_value(pen) for name in pen.extras}
    return {
        name if name in pen.extras else pen.names[name]: extra.get(name, values.get(name))
        for name in pen.order
    }


def _user_as_written(pen: _Pen, user: str | None) -> Any:
    if user is None:
        return pen.nothing or None
    if pen.ids == "float":
        return float(user) if pen.kind in ("ndjson", "json") else f"{user}.0"
    if pen.ids == "R's numbers" and user.strip("0") in ("1", "3"):
        return f"{float(user):.0e}"  # 1e+05
    return int(user) if pen.ids == "int" and pen.kind in ("ndjson", "json") else user


def _time_as_written(pen: _Pen, time: datetime) -> Any:
    is_json = pen.kind in ("ndjson", "json")
    seconds = int((time - datetime(1970, 1, 1)).total_seconds())
    match pen.times:
        case "ISO with Z":
            return time.isoformat() + "Z"
        case "ISO with an offset":
            zone = timezone(timedelta(minutes=pen.chance.choice([120, -300, 330, 0])))
            local = time.replace(tzinfo=UTC).astimezone(zone)
            return local.isoformat(sep=pen.chance.choice(["T", " "]))
        case "seconds since 1970":
            return seconds if is_json else str(seconds)
        case "milliseconds since 1970":
            number = seconds * 1000 + time.microsecond // 1000
            return number if is_json else str(number)
        case "seconds with a decimal point":
            return float(seconds) if is_json else f"{seconds}.0"
        case "microseconds since 1970":
            return seconds * 1_000_000 if is_json else str(seconds * 1_000_000)
        case "with and without a zone":
            return time.isoformat() + pen.chance.choice(["", "Z", "+00:00"])
        case other if other in SPELLINGS:
            return time.strftime(SPELLINGS[other])
        case "fractions of seconds":
            return time.isoformat(sep=" ", timespec="milliseconds") + "Z"
        case _:
            return time.isoformat(sep=" ")


def _extra_value(pen: _Pen) -> str | None:
    values = ["", None, "x", "12.5", "some text", 'with "quotes"', "a,b;c", "-"]
    return pen.chance.choice(values)


# -- text ------------------------------------------------------------------------------------------


@dataclass
class _Dialect:
    delimiter: str
    quoting: Literal["all", "minimal", "none"]
    is_escaped: bool
    line_end: str
    blank: str = ""
    end: str = ""


def _as_csv(pen: _Pen, facts: Sequence[Fact]) -> tuple[str, list[Fact]]:
    """The text of a table, and the rows as it says them: without quotes no line breaks are said."""
    chance = pen.chance
    dialect = _Dialect(
        delimiter=chance.choice(list(DELIMITERS)),
        quoting=chance.choice(["all", "minimal", "minimal", "none"]),
        is_escaped=chance.random() < 0.3,
        line_end=chance.choice(list(LINE_ENDS)),
    )
    pen.cases |= {
        DELIMITERS[dialect.delimiter],
        LINE_ENDS[dialect.line_end],
        {
            "all": "quotes around all",
            "minimal": "quotes where they are needed",
            "none": "no quotes at all",
        }[dialect.quoting],
    }
    written = [_writable(dialect, fact) for fact in facts]
    names = [name if name in pen.extras else pen.names[name] for name in pen.order]
    if chance.random() < 0.1 and dialect.delimiter != "\t" and dialect.quoting == "none":
        dialect.blank = " "
        pen.cases.add("spaces around values")
    if chance.random() < 0.1:
        dialect.end = dialect.delimiter
        pen.cases.add("a delimiter at the end of each row")
    lines = [_line(dialect, names)]
    for fact in written:
        values = ["" if v is None else str(v) for v in _spelled(pen, fact).values()]
        lines.append(_line(dialect, [_tamed(dialect, value) for value in values]))
    body = "\n".join(lines)
    if dialect.quoting != "none" and '"' in body.replace('""', ""):
        pen.cases.add("quotes behind a backslash" if '\\"' in body else "quotes doubled")
    lines = _with_empty_lines(pen, dialect, lines)
    ends = [dialect.line_end or chance.choice(["\n", "\r\n", "\r"]) for _ in lines]
    if chance.random() < 0.2:
        ends[-1] = ""
        pen.cases.add("no end of the last line")
    text = "".join(map("".join, zip(lines, ends, strict=True)))
    ways = Counter(text.replace("\r\n", "\x00")[n] for n in _breaks(text.replace("\r\n", "\x00")))
    if len(ways) > 1:
        pen.has_mixed_ends = True
    return text, written


def _breaks(text: str) -> list[int]:
    return [n for n, sign in enumerate(text) if sign in "\n\r\x00"]


def _with_name(fact: Fact, name: str) -> Fact:
    return Fact(**{**fact.__dict__, "name": name})


def _writable(dialect: _Dialect, fact: Fact) -> Fact:
    return _with_name(fact, _tamed(dialect, fact.name))


def _tamed(dialect: _Dialect, value: str) -> str:
    """A value that the dialect can say: without quotes neither delimiters nor line breaks."""
    if dialect.is_escaped and "\\" in value and value != "\\N":
        value = value.replace("\\", "/")  # \\ may be one or two where nothing else is escaped
    if dialect.quoting != "none":
        return value
    for sign in (dialect.delimiter, "\r\n", "\r", "\n"):
        value = value.replace(sign, " ")
    return value.lstrip('"')  # a quote that begins a value would be one


def _line(dialect: _Dialect, values: Sequence[str]) -> str:
    between = f"{dialect.blank}{dialect.delimiter}{dialect.blank}"
    return between.join(_quoted(dialect, value) for value in values) + dialect.end


def _quoted(dialect: _Dialect, value: str) -> str:
    special = {dialect.delimiter, '"', "\n", "\r"}
    if dialect.quoting == "none":
        return value
    if dialect.quoting == "minimal" and not special.intersection(value):
        return value
    doubled = value.replace('"', '\\"' if dialect.is_escaped else '""')
    return f'"{doubled}"'


def _with_empty_lines(pen: _Pen, dialect: _Dialect, lines: Sequence[str]) -> list[str]:
    chance = pen.chance
    found = list(lines)
    if chance.random() < 0.1 and len(pen.order) > 2:
        pen.cases.add("the header again")
        found.insert(chance.randint(2, len(found)), lines[0])
        pen.bad += 1
    if chance.random() < 0.1 and len(pen.order) > 2:
        pen.cases.add("a line at the end that is no row")
        found.append(f"({len(lines) - 1} rows)")
        pen.bad += 1
    if chance.random() < 0.2 and len(pen.order) > 2:
        pen.cases.add("empty rows")
        for _ in range(chance.randint(1, 4)):
            place = chance.choice([len(found), chance.randint(1, len(found))])
            found.insert(place, dialect.delimiter * (len(pen.order) - 1) + dialect.end)
    if chance.random() < 0.15:
        pen.cases.add("blank lines")
        for _ in range(chance.randint(1, 3)):
            found.insert(chance.randint(1, len(found)), "")
    if chance.random() < 0.15:
        pen.cases.add("sep=")
        found.insert(0, f"sep={dialect.delimiter}")
    elif chance.random() < 0.05:
        pen.cases.add("a line above the header")
        found.insert(
            0, chance.choice(["# my app, 2026-01", "Export of 2026-02-01 10:00", "# rows"])
        )
    return found


def _as_json(pen: _Pen, facts: Sequence[Fact]) -> str:
    chance = pen.chance
    objects: list[Any] = [_spelled(pen, fact) for fact in facts]
    if chance.random() < 0.5:
        objects = [{k: v for k, v in one.items() if v is not None} for one in objects]
        pen.cases.add("keys left out")
    is_ascii = chance.random() < 0.5
    if chance.random() < 0.25:
        inner = {pen.names[c] for c in ("user", "platform", "app_version") if c in pen.names}
        objects = [_nested(one, inner) for one in objects]
        pen.cases.add("objects within objects")
    if chance.random() < 0.1:
        objects.insert(chance.randint(0, len(objects)), "{not an object")
        pen.bad += 1
        pen.cases.add("a line that is no object")
    if pen.kind == "json":
        indent = chance.choice([None, 1, 4])
        pen.cases.add("JSON on one line" if indent is None else "JSON over many lines")
        document: Any = objects
        if chance.random() < 0.3:
            document = {"status": "ok", "count": len(objects), "data": objects}
            pen.cases.add("an envelope")
        elif chance.random() < 0.3:
            pen.cases.add("an array with an object per line")
            rows = ",\n".join(json.dumps(one, ensure_ascii=is_ascii) for one in objects)
            return f"[{rows}]\n" if chance.random() < 0.5 else f"[\n{rows}\n]\n"
        return json.dumps(document, ensure_ascii=is_ascii, indent=indent)
    end = chance.choice(["\n", "\n", "\r\n"])
    lines = [
        one if isinstance(one, str) else json.dumps(one, ensure_ascii=is_ascii) for one in objects
    ]
    if chance.random() < 0.2:
        lines.insert(chance.randint(0, len(lines)), "")
        pen.cases.add("blank lines")
    return "".join(f"{line}{end}" for line in lines)


def _nested(one: dict[str, Any], inner: set[str]) -> dict[str, Any]:
    """An object some of whose keys are in an object of their own."""
    kept: dict[str, Any] = {key: value for key, value in one.items() if key not in inner}
    return kept | {"context": {key: value for key, value in one.items() if key in inner}}


def _as_parquet(pen: _Pen, facts: Sequence[Fact], folder: Path) -> bytes:
    rows = [_spelled(pen, fact) for fact in facts]
    names = list(rows[0])
    types = dict.fromkeys(names, "varchar")
    if pen.nothing == "" or all(fact.user for fact in facts):
        types[pen.names["user"]] = {"int": "bigint", "float": "double", "uuid": "uuid"}.get(
            pen.ids, "varchar"
        )
    types[pen.names["time"]] = {
        "ISO with Z": "timestamptz",
        "times without a zone": "timestamp",
        "seconds since 1970": "bigint",
        "milliseconds since 1970": "bigint",
        "seconds with a decimal point": "double",
        "fractions of seconds": "timestamp_ms",
    }.get(pen.times, "varchar")
    path = folder / "drawn.parquet"
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        quoted = ['"' + name.replace('"', '""') + '"' for name in names]
        con.execute(
            "create table rows ("
            + ", ".join(f"{q} {types[n]}" for q, n in zip(quoted, names, strict=True))
            + ")"
        )
        marks = ", ".join("?" for _ in names)
        con.executemany(f"insert into rows values ({marks})", [list(row.values()) for row in rows])
        con.execute(f"copy rows to '{path}' (format parquet)")
    return path.read_bytes()


# -- bytes -----------------------------------------------------------------------------------------


def _encoded(pen: _Pen, text: str) -> bytes:
    if pen.encoding in ("utf-16-le", "utf-16-be"):
        return text.encode(pen.encoding)
    if pen.encoding == "utf-16":
        big = pen.chance.random() < 0.5
        mark = codecs.BOM_UTF16_BE if big else codecs.BOM_UTF16_LE
        return mark + text.encode("utf-16-be" if big else "utf-16-le")
    return text.encode(pen.encoding)


def _packed(pen: _Pen, content: bytes, stem: str) -> tuple[str, bytes]:
    suffix = {"csv": pen.chance.choice([".csv", ".txt", ".tsv"]), "ndjson": ".jsonl"}.get(
        pen.kind, f".{pen.kind}"
    )
    match pen.packing:
        case "gzip":
            return f"{stem}{suffix}.gz", gzip.compress(content)
        case "gzip by another name":
            return f"{stem}{suffix}", gzip.compress(content)
        case "plain text under .gz":
            return f"{stem}{suffix}.gz", content
        case "zip":
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr(f"inner{suffix}", content)
            return f"{stem}.zip", buffer.getvalue()
        case _:
            return f"{stem}{suffix}", content
