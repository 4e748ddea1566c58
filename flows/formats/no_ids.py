"""Words that exports write where there is no user: one list, for every format and every id."""

from __future__ import annotations

from collections.abc import Collection

from flows.sql import text_in_sql

NO_IDS = (
    # what programs write of a value that is not there
    "undefined",
    "null",
    "(null)",
    "<null>",
    r"\n",  # MySQL's dumps and PostgreSQL's COPY: \N
    "none",
    "nil",
    "<nil>",
    "nan",
    "na",  # R's
    "<na>",  # pandas'
    "n/a",
    "#n/a",
    "(not set)",
    "[object object]",
    "true",
    "false",
    "-1",
    # what people write who have no id to give
    "anonymous",
    "anon",
    "guest",
    "unknown",
)
"""Texts that are no id of anybody, in lower case; upper and lower case are the same."""

_ZEROS = "0-:{}"
"""A text of nothing but these is no id: 0, an all-zero UUID or advertising id, a dash, {}.

Unless it is a short one with zeros and signs between them: 0-0 is made of two numbers.
"""

_SHORTEST_ZEROS = 12
"""The length of a MAC address without signs, and shorter than any id of zeros with them."""

_ZERO_BEGINNINGS = ("00", "0-", "0:", "{0")
"""How a long text of zeros begins: the others need not be looked at from end to end."""


def is_no_id(word: str) -> bool:
    """Whether a word is no id by the list, whatever a source adds to it or takes from it."""
    bare = word.strip().lower()
    return bare in NO_IDS or (not bare.strip(_ZEROS) and not _is_composed(bare))


def _is_composed(zeros: str) -> bool:
    return "0" in zeros and zeros.strip("0{}") != "" and len(zeros) < _SHORTEST_ZEROS


def identifier_in_sql(
    text: str, also: Collection[str] = (), allow: Collection[str] = (), prefix: str = ""
) -> str:
    """SQL for ``text``, an SQL expression that gives trimmed text, or null where it is no id.

    ``also`` are further words that are no ids, ``allow`` words of the list that are ids all the
    same, both without regard to case. A ``prefix`` that the vendor puts before ids is not looked
    at. Long texts, which most ids are, cost the comparison of their length.
    """
    allowed = {word.strip().lower() for word in allow}
    words = [word for word in NO_IDS if word not in allowed]
    words += sorted({word.strip().lower() for word in also} - set(words))
    longest = max(15, *(len(word.encode()) for word in words))
    bare = text
    if prefix:
        rest = f"trim(substr({text}, {len(prefix) + 1}))"
        bare = f"case when starts_with({text}, {text_in_sql(prefix)}) then {rest} else {text} end"
    listed = ", ".join(map(text_in_sql, words))
    beginnings = ", ".join(map(text_in_sql, _ZERO_BEGINNINGS))
    is_composed = (
        f"contains({bare}, '0') and trim({bare}, '0{{}}') <> '' "
        f"and strlen({bare}) < {_SHORTEST_ZEROS}"
    )
    zeros = f"trim({bare}, {text_in_sql(_ZEROS)}) = '' and not ({is_composed})"
    if kept := ", ".join(text_in_sql(word) for word in sorted(allowed)):
        zeros += f" and not list_contains([{kept}], lower({bare}))"
    # a list, not IN: of that DuckDB makes a join with all rows
    numbers = f"when {bare} >= '1' and {bare} < ':' then {text}"  # no word begins with a digit
    if any(word[:1].isdigit() for word in words):
        numbers = ""
    return f"""
        case
            {numbers}
            when strlen({bare}) <= {longest}
                then case
                    when list_contains([{listed}], lower({bare})) then null
                    when {zeros} then null
                    else {text}
                end
            when list_contains([{beginnings}], left({bare}, 2)) and {zeros} then null
            else {text}
        end
    """
