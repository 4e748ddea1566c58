"""Write a query's answer, unabridged, as other programs read it: plain, CSV, JSON or Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal

Form = Literal["plain", "csv", "json", "markdown"]
"""How an answer is written; each row is one line in all of them, but for line breaks in CSV."""

Row = Sequence[Any]


def written(columns: Sequence[str], rows: Sequence[Row], form: Form) -> Iterator[str]:
    """The lines of an answer, each with its line end: every row, every column, whole values."""
    return _WRITERS[form](columns, rows)


def _plain(columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """A header and the rows, tabs between columns; NULL is empty, tabs and line ends escaped."""
    if columns:
        yield "\t".join(map(_in_one_field, columns)) + "\n"
    for row in rows:
        yield "\t".join(_in_one_field(in_words(value)) for value in row) + "\n"


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """As RFC 4180 has it; NULL is empty, an empty text is two quotes."""
    if columns:
        yield ",".join(map(_quoted, columns)) + "\n"
    for row in rows:
        yield ",".join("" if v is None else _quoted(in_words(v)) for v in row) + "\n"


def _json(columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """A list with an object per row, each on a line of its own."""
    names = _unique(columns)
    yield "[\n" if rows else "[]\n"
    for number, row in enumerate(rows, 1):
        told = {name: _for_json(value) for name, value in zip(names, row, strict=True)}
        line = json.dumps(told, ensure_ascii=False)
        yield f"{line},\n" if number < len(rows) else f"{line}\n]\n"


def _markdown(columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """A table as GitHub reads it, numbers to the right; NULL is empty."""
    if not columns:
        return
    numeric = [
        any(row[n] is not None for row in rows)
        and all(_is_number(row[n]) for row in rows if row[n] is not None)
        for n in range(len(columns))
    ]
    yield f"| {' | '.join(map(_in_one_cell, columns))} |\n"
    yield f"|{'|'.join('---:' if is_number else '---' for is_number in numeric)}|\n"
    for row in rows:
        yield f"| {' | '.join(_in_one_cell(in_words(value)) for value in row)} |\n"


_WRITERS: dict[Form, Callable[[Sequence[str], Sequence[Row]], Iterator[str]]] = {
    "plain": _plain,
    "csv": _csv,
    "json": _json,
    "markdown": _markdown,
}


def in_words(value: Any) -> str:
    """A value as SQL would print it; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple | dict):
        return json.dumps(_for_json(value), ensure_ascii=False)
    return str(value)


def _for_json(value: Any) -> Any:
    """A value as JSON has it; a number that JSON readers would round or refuse is a text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return int(value)
        return float(value) if Decimal(str(float(value))) == value else str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_for_json(one) for one in value]
    if isinstance(value, dict):
        return {in_words(key): _for_json(one) for key, one in value.items()}
    return value.isoformat() if isinstance(value, date | datetime | time) else in_words(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _in_one_field(text: str) -> str:
    for sign, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(sign, escaped)
    return text


def _in_one_cell(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("|", "\\|")
    return text.replace("\r\n", "<br>").replace("\n", "<br>").replace("\r", "<br>")


def _quoted(text: str) -> str:
    if text and text == text.strip() and not any(sign in text for sign in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _unique(columns: Sequence[str]) -> list[str]:
    """Names that occur twice are numbered: an object would keep the last one only."""
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names
