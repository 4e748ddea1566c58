"""Launch notes on their way from their file into the warehouse, and what a changed one sets off."""

from __future__ import annotations

from datetime import date
from typing import Any

from flows import stages
from flows.warehouse import connect
from tests.conftest import Place


def a_run(place: Place) -> stages.Run:
    return stages.begin(place.home, place.sources)


def note(place: Place, text: str) -> None:
    (place.folder / "notes.yml").write_text(text, encoding="utf-8")


def landed_notes(place: Place) -> list[tuple[Any, ...]]:
    run = a_run(place)
    stages.prepare(run)
    with connect(run.settings, read_only=True) as con:
        return con.execute("from raw.launch_notes order by all").fetchall()


def test_a_changed_note_is_something_new(after_a_day: Place) -> None:
    assert stages.unchanged_publication(a_run(after_a_day)) is not None
    sources = after_a_day.sources.read_text()
    after_a_day.sources.write_text(f"launch_notes: notes.yml\n{sources}")
    note(after_a_day, "[]")
    assert stages.unchanged_publication(a_run(after_a_day)) is not None  # no note, nothing new

    note(after_a_day, "- {app_id: chat, date: 2026-01-02, kind: release, title: It's out}")

    assert stages.unchanged_publication(a_run(after_a_day)) is None
    assert landed_notes(after_a_day) == [("chat", date(2026, 1, 2), "release", "It's out")]

    note(after_a_day, "- {app_id: chat, date: 2026-01-03, kind: price, title: Cheaper}")

    assert landed_notes(after_a_day) == [("chat", date(2026, 1, 3), "price", "Cheaper")]


def test_a_note_needs_no_new_extract_to_be_compared(after_a_day: Place) -> None:
    sources = after_a_day.sources.read_text()
    after_a_day.sources.write_text(f"launch_notes: notes.yml\n{sources}")
    note(after_a_day, "- {app_id: chat, date: 2026-01-02, kind: release, title: Two}")
    run = a_run(after_a_day)
    stages.prepare(run)

    assert stages.build(run).by_arrival

    with connect(run.settings, read_only=True) as con:
        rows = con.execute(
            "select day_n, users_before, rate_before, users_after from marts.fct_launch_effects "
            "order by day_n"
        ).fetchall()
    assert rows == [(1, 20, 0.5, None), (7, 20, 0.25, None)]  # the horizon ends before day 30
