"""Land damaged files, and hold what the ledger says of them against what they are.

Whatever a file holds, landing it must not crash; every line is landed, a duplicate or a reject with
a reason, and a line that nobody has touched is never a reject.
"""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from flows.extract.places import Places
from flows.land.source import land_files
from flows.settings import Settings
from flows.sources import AnyFiles, ChartFiles, EventSource, InstallFiles, ReviewFiles
from flows.warehouse import connect, create_schemas

_FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
_NOW = datetime(2026, 6, 1)

_BY_NAME = {
    "user_id": "who",
    "event_time": "at",
    "event_name": "what",
    "event_id": "id",
    "country": "upper(land)",
    "properties": "more",
}


@dataclass(frozen=True)
class Base:
    """A good file and how it lands. ``is_lines``: each line of it is a row, whatever it holds."""

    name: str
    content: bytes
    suffix: str
    build: Callable[[str], AnyFiles]
    is_lines: bool
    header: int = 0


def _bases() -> list[Base]:
    def events(form: str, **told: Any) -> Callable[[str], AnyFiles]:
        return lambda uri: EventSource(name="fuzz", app_id="app", uri=uri, format=form, **told)

    def charts(form: str) -> Callable[[str], AnyFiles]:
        return lambda uri: ChartFiles(name="fuzz", uri=uri, format=form)

    def installs(form: str) -> Callable[[str], AnyFiles]:
        return lambda uri: InstallFiles(name="fuzz", uri=uri, format=form)

    def fixture(name: str) -> bytes:
        return (_FIXTURES / name).read_bytes()

    table = "who,at,what,id,land,more\n" + "".join(
        f'u{n},2026-01-05T10:00:{n:02},"open ""{n}""",e{n},de,"{{""n"": {n}}}"\n' for n in range(20)
    )
    objects = "".join(
        f'{{"who": "u{n}", "at": "2026-01-05T10:00:{n:02}Z", "what": "open", "id": "n{n}", '
        f'"land": "de", "more": {{"n": [{n}]}}}}\n'
        for n in range(20)
    )
    custom = {"columns": _BY_NAME}
    bases = [
        Base(
            "csv", table.encode(), ".csv", events("custom", reader={"type": "csv"}, **custom), False
        ),
        Base(
            "ndjson",
            objects.encode(),
            ".ndjson",
            events("custom", reader={"type": "ndjson"}, **custom),
            True,
        ),
    ]
    for form in ("amplitude", "mixpanel", "ga4", "posthog", "segment", "rudderstack"):
        good = fixture(f"events/{form}/good.ndjson")
        bases.append(Base(form, good * 4, ".ndjson", events(form), True))
    bases.append(
        Base("snowplow", fixture("events/snowplow/good.tsv") * 4, ".tsv", events("snowplow"), True)
    )
    for form in ("apple_rss", "itunes_rss"):
        bases.append(
            Base(
                form,
                fixture(f"charts/{form}.json"),
                ".json",
                charts(form),
                False,
            )
        )
    for file in ("app_store_sales.tsv", "google_play_installs.utf16.csv"):
        bases.append(
            Base(
                file,
                fixture(f"reports/{file}"),
                Path(file).suffix,
                installs(file.split(".")[0]),
                file.endswith(".tsv"),
                header=1,
            )
        )
    bases.append(
        Base(
            "itunes_reviews",
            fixture("reports/itunes_reviews.json"),
            ".json",
            lambda uri: ReviewFiles(name="fuzz", uri=uri, format="itunes_reviews"),
            False,
        )
    )
    return bases


class Fuzz:
    """A home in which one damaged file after another is landed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bases = _bases()
        self._stack = ExitStack()

    def __enter__(self) -> Fuzz:
        self._folder.mkdir(parents=True, exist_ok=True)
        # on one thread a file of a few lines lands in two thirds of the CPU seconds
        self._settings = Settings(home=self._folder / "home", threads=1)
        self._con = self._stack.enter_context(connect(self._settings))
        create_schemas(self._con)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def land(self, seed: int) -> str:
        """Land the damaged file of a seed; say what became of it.

        Raises AssertionError naming the seed when the ledger does not account for every line.
        """
        chance = random.Random(seed)
        base = chance.choice(self._bases)
        mode = chance.choice(("lines", "lines", "lines", "bytes", "cut", "noise"))
        content, touched, lines = base.content, set[int](), None
        if mode == "lines":
            content, touched, lines = _damage_lines(base, chance)
        elif mode == "noise":
            content = chance.randbytes(chance.randrange(2000))
        packed, suffix = _packed(content, base.suffix, chance)
        if mode == "bytes":
            packed = _damage_bytes(packed, chance)
        elif mode == "cut":
            packed = packed[: chance.randrange(len(packed))]
        path = self._folder / f"{seed}{suffix}"
        path.write_bytes(packed)
        try:
            return self._check(seed, base, path, touched, lines)
        finally:
            path.unlink()

    def _check(
        self, seed: int, base: Base, path: Path, touched: set[int], lines: int | None
    ) -> str:
        told = f"seed {seed} ({base.name})"
        source = base.build(str(path))
        landing = land_files(self._con, source, self._settings, _NOW)
        (extract,) = Places(source).identify(Places(source).find(self._settings))
        assert not isinstance(extract, tuple), told
        row = self._con.execute(
            "select status, rows_seen, rows_landed, rows_rejected, rows_duplicate, error, "
            "(select count(*) from raw.rejects as r where r.extract_id = e.extract_id), "
            "(select count(*) from raw.app_events as r where r.extract_id = e.extract_id), "
            "format from raw.extracts as e where extract_id = ?",
            [extract.extract_id],
        ).fetchone()
        assert row is not None, f"{told}: no row in the ledger"
        status, seen, landed, rejected, duplicate, error, rejects, events, _ = row
        if status == "failed":
            assert landing.failed or landing.known, f"{told}: failed without a word"
            assert error, f"{told}: failed without a reason"
            assert (landed, rejects, events) == (0, 0, 0), f"{told}: failed, yet something landed"
            assert lines is None or not base.is_lines, f"{told}: one bad line failed it: {error}"
            return "failed"
        assert seen == landed + rejected + duplicate, f"{told}: the ledger does not add up"
        assert rejects == rejected, f"{told}: {rejected} rejected, {rejects} kept"
        if isinstance(source, EventSource):
            assert events == landed, f"{told}: {landed} landed, {events} there"
        if lines is not None and base.is_lines:
            assert seen == lines, f"{told}: {lines} lines, {seen} seen"
            bad = self._con.execute(
                "select line_number from raw.rejects where extract_id = ?", [extract.extract_id]
            ).fetchall()
            innocent = {number for (number,) in bad} - touched
            assert not innocent, f"{told}: untouched lines {sorted(innocent)} were rejected"
        return "rejects" if rejected else "landed"


def _damage_lines(base: Base, chance: random.Random) -> tuple[bytes, set[int], int]:
    """Some lines changed; which they are, and how many lines hold something below the header."""
    if base.content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = base.content.decode("utf-16")
        damaged, touched, lines = _damage_text(text.encode(), base.header, chance)
        return damaged.decode("utf-8", "ignore").encode("utf-16"), touched, lines
    return _damage_text(base.content, base.header, chance)


def _damage_text(content: bytes, header: int, chance: random.Random) -> tuple[bytes, set[int], int]:
    lines = content.rstrip(b"\n").split(b"\n")
    body = range(header, len(lines))
    touched = set(chance.sample(body, min(len(body), chance.randrange(1, 4))))
    for position in touched:
        line = lines[position]
        for _ in range(chance.randrange(1, 4)):
            line = _damage_line(line, chance)
        # line breaks would make two lines of one; an empty line is none
        lines[position] = line.replace(b"\n", b"").replace(b"\r", b"") or b"x"
    if content.startswith(b"{"):  # of objects, blanks and a byte-order mark are no line
        held = sum(bool(line.replace(b"\xef\xbb\xbf", b"").strip(b" \t")) for line in lines)
    else:
        held = sum(map(bool, lines[header:]))
    return b"\n".join(lines) + b"\n", {position + 1 for position in touched}, held


_INSERTED = (
    b'"', b"\\", b",", b"{", b"}", b"[", b"\t", b";", b"'", b"\x00", b"\xff", b"\xc3", b"null",
    "😀".encode(), "\u2028".encode(), b"\xef\xbb\xbf", b"1e999", b"-1", b"9" * 40, b"x" * 10_000,
    b"' or 1=1 --", b"2026-13-45", b"NaN", b"\x1f", b"\x0b",
)  # fmt: skip


def _damage_line(line: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(line) + 1)
    match chance.randrange(6):
        case 0:
            return line[:at] + chance.choice(_INSERTED) + line[at:]
        case 1:
            return line[:at]
        case 2:
            return line[:at] + line[at + chance.randrange(1, 20) :]
        case 3:
            return line[:at] + line[max(0, at - chance.randrange(1, 30)) :]
        case 4:
            return line[:at] + chance.randbytes(chance.randrange(1, 8)) + line[at:]
        case _:
            return chance.choice(_INSERTED)


def _damage_bytes(packed: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(packed)
    for _ in range(chance.randrange(1, 20)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def _packed(content: bytes, suffix: str, chance: random.Random) -> tuple[bytes, str]:
    match chance.randrange(5):
        case 0:
            return gzip.compress(content), f"{suffix}.gz"
        case 1:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"folder/data{suffix}", content)
                archive.writestr("folder/empty.txt", b"")
            return buffer.getvalue(), ".zip"
        case _:
            return content, suffix
