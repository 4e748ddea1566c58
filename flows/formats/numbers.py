"""Numbers as exports write them, in SQL: whole ones to the digit, or nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from flows.sql import text_in_sql

_SPACES = "\u00a0\u2007\u2009\u202f"
"""What spreadsheets set between thousands for a space."""

_APOSTROPHES = "\u2019"


@dataclass(frozen=True, kw_only=True)
class Marks:
    """The signs between thousands (none: '') and before decimals."""

    thousands: str = ""
    decimal: str = "."


def whole_number_in_sql(text: str, marks: Marks) -> str:
    """SQL for the whole number that a text spells, as bigint, or null where it is none.

    Groups of thousands must be whole, and decimals one or two zeros: neither 1.234 nor 1.000 is 1,
    and 1,5 is not 2.
    """
    told = text
    if marks.thousands in ("'", " "):  # the typographic ones are the same
        others = _SPACES if marks.thousands == " " else _APOSTROPHES
        mark = text_in_sql(marks.thousands)
        told = f"translate({text}, {text_in_sql(others)}, repeat({mark}, {len(others)}))"
    decimal = re.escape(marks.decimal)
    # three zeros may be a group of thousands: 5.000 is not read as 5
    pattern = rf"[+-]?\d+(?:{decimal}0{{0,2}})?"
    if marks.thousands:
        mark = re.escape(marks.thousands)
        # groups of two are India's
        pattern += rf"|[+-]?\d{{1,3}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}(?:{decimal}0*)?"
    whole = f"split_part({told}, {text_in_sql(marks.decimal)}, 1)"
    if marks.thousands:
        whole = f"replace({whole}, {text_in_sql(marks.thousands)}, '')"
    return (
        f"case when regexp_full_match({told}, {text_in_sql(pattern)}) "
        f"then try_cast({whole} as bigint) end"
    )


def guess_marks(values: Iterable[str]) -> Marks | None:
    """The marks that values of counts are written with, or None where they have none.

    A count is whole: the 1.234 of a count is one thousand and so on, and so is 1,234.
    """
    found: Counter[Marks] = Counter()
    for value in values:
        told = re.sub(f"[{_SPACES}]", " ", value.strip()).replace(_APOSTROPHES, "'")
        grouped = re.fullmatch(r"[+-]?\d{1,3}((?:([.,' ])\d{2,3})*([.,' ])\d{3})([.,]0*)?", told)
        if grouped and grouped[2] in (None, grouped[3]):
            thousands = grouped[3]
            decimal = grouped[4][0] if grouped[4] else ("," if thousands == "." else ".")
            if decimal != thousands:
                found[Marks(thousands=thousands, decimal=decimal)] += 1
        elif re.fullmatch(r"[+-]?\d+,0*", told):
            found[Marks(decimal=",")] += 1
    if not found:
        return None
    best = found.most_common(1)[0][0]
    # 1,0 beside 1.234 says the same of both
    with_thousands = [marks for marks in found if marks.thousands]
    return best if best.thousands or not with_thousands else with_thousands[0]
