"""The site says which days lack, and how much of a rate rests on them."""

from __future__ import annotations

from datetime import date

from flows.report.missing_days import MissingDays, MissingSpan

GAP = MissingSpan("web", date(2026, 3, 10), date(2026, 3, 14), 5)
DAY = MissingSpan("phone", date(2026, 3, 12), date(2026, 3, 12), 1)


def test_spans_are_named_with_their_source() -> None:
    sentence = MissingDays((GAP, DAY), {}).sentence.replace("\u00a0", " ")
    assert sentence.startswith(
        "6 days lack what the source's own history expects: web 10 Mar 2026 to 14 Mar 2026 and "
        "phone 12 Mar 2026. "
    )
    assert MissingDays((DAY,), {}).sentence.startswith("1 day lacks what")


def test_a_rate_is_marked_where_users_of_it_are_touched() -> None:
    missing = MissingDays((GAP,), {7: 0.125})
    assert missing.of_day(7) == "12.5\u202f% of them around missing days"
    assert missing.of_day(30) is None
