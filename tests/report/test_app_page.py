"""An app's page tells the story of the marts, labels what it forecasts, and says what is absent."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.errors import AfterhypeError
from flows.report import write_site
from flows.report.app_story import TABLES
from tests.report.conftest import HABIT, QUIET, SPIKE, WATERMARK, AppRule, MakeMarts, drawn_before
from tests.report.reading import Page, specifications

LEAKY = AppRule("leaky", "Leaky", first_day=date(2025, 12, 1), day_1=0.18, verdict="leaky")
OLD_SPIKE = AppRule(
    "old", "Vidra", first_day=date(2025, 12, 1), daily_users=4000, peak_rank=1, verdict="spike"
)


def site_of(marts: Path) -> Path:
    return write_site(marts, marts.parent / "site", kept_in=drawn_before(marts)).parent


def page_of(marts: Path, app_id: str) -> Page:
    return Page((site_of(marts) / "apps" / f"{app_id}.html").read_text(encoding="utf-8"))


def change(marts: Path, *statements: str) -> Path:
    with duckdb.connect(str(marts)) as con:
        for statement in statements:
            con.execute(statement)
    return marts


def rows_with(page: Page, figure: str, *keys: str) -> list[dict[str, Any]]:
    """The data of the layers of a chart whose rows have these keys."""
    return [
        row
        for rows in specifications(page)[figure]["datasets"].values()
        for row in rows
        if set(keys) <= set(row)
    ]


def test_every_tracked_app_has_a_page_linked_both_ways(make_marts: MakeMarts) -> None:
    site = site_of(make_marts(SPIKE, HABIT))

    overview = Page((site / "index.html").read_text(encoding="utf-8"))
    links = overview.attributes("a", "href")
    assert {"apps/spike.html", "apps/spike.html#verdict", "apps/habit.html"} <= set(links)
    page = Page((site / "apps" / "spike.html").read_text(encoding="utf-8"))
    assert "../index.html" in page.attributes("a", "href")
    assert "../apps/habit.html" in page.attributes("a", "href")
    assert not page.attributes("script", "src")
    for link in page.attributes("a", "href"):
        path, _, anchor = link.partition("#")
        assert not path or (site / "apps" / path).is_file()
        assert not anchor or anchor in {a.get("id") for _, a in page.tags}


def test_the_overview_names_verdict_confidence_and_first_reason(make_marts: MakeMarts) -> None:
    site = site_of(make_marts(SPIKE, QUIET))
    overview = Page((site / "index.html").read_text(encoding="utf-8")).text

    assert "A spike 93 % confidence The curve keeps falling: 1.0 % on day 30" in overview
    assert "Too early to tell Only 3 days are complete, 7 are needed." in overview


def test_the_verdict_comes_with_its_reasons_and_what_would_change_it(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(SPIKE), "spike")

    assert "Verdict A spike Many came at once, and hardly any of them stay. 93 % confidence" in (
        page.text
    )
    assert "Rank fell from 1 to 27 in 49 days, its half-life was 12 days." in page.text
    assert "A floor of the curve above 5 % on day 30 would change it." in page.text
    assert (
        "When events up to 11 Apr 2026 have landed: 400 users then have 60 complete days."
        in page.text
    )


def test_certainty_is_never_claimed(make_marts: MakeMarts) -> None:
    marts = change(make_marts(HABIT), "update app_scorecard set verdict_confidence = 0.9999")

    assert "more than 99 % confidence" in page_of(marts, "habit").text


def test_a_confidence_of_too_early_is_not_shown(make_marts: MakeMarts) -> None:
    marts = change(make_marts(QUIET), "update app_scorecard set verdict_confidence = 0.77")

    assert "confidence" not in page_of(marts, "quiet").text


def test_a_young_app_shows_no_day_60_even_where_a_mart_says_so(make_marts: MakeMarts) -> None:
    """The app is 49 days old: what claims to be observed later than that is not shown."""
    marts = change(
        make_marts(HABIT),
        "update fct_forecasts set status = 'observed', forecast_rate = 0.7242, ci_low = 0.7141, "
        "ci_high = 0.7343 where day_n = 60",
        "update fct_forecast_curves set observed_rate = 0.7242 where day_n >= 50",
    )

    page = page_of(marts, "habit")

    for number in ("72.4", "71.4", "73.4", "0.7242"):
        assert number not in page.text
        assert number not in page.data[0]
    assert "Day 60 not yet observable, needs events to 11 Apr 2026" in page.text
    assert "not observed yet, needs events to 11 Apr 2026" in page.text


def test_every_rate_of_the_forecast_table_says_what_it_is(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(HABIT), "habit")

    table = page.text[page.text.index("Day 30, 60 and 90:") : page.text.index("Forecasts by")]
    assert "Day 30 30.0 % 28.0–32.0 % observed" in table
    assert re.search(r"Day 60 27\.1 % [\d.–]+ % forecast needs events to 11 Apr 2026", table)
    assert len(re.findall(r"\bobserved\b(?! as)|\bforecast\b(?! as)", table)) == 6 + 1


def test_a_refused_forecast_gives_its_reason(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(QUIET), "quiet")

    assert "no forecast: only 3 complete days, 7 are needed." in page.text
    assert "No forecast: only 3 complete days, 7 are needed." in page.text
    assert "forecast" not in " ".join(str(row) for row in rows_with(page, "curve", "text"))


def test_the_forecast_begins_where_the_observed_curve_ends(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(HABIT), "habit")

    observed = rows_with(page, "curve", "cohorts")
    assert observed[0]["day"][-1] == 49
    forecast = [
        row["day"]
        for row in rows_with(page, "curve", "low", "colour")
        if isinstance(row["day"], int)
    ]
    assert min(forecast) == 50
    assert max(forecast) == 90
    assert rows_with(page, "curve", "text")[0]["text"] == "forecast"


def test_an_old_app_has_nothing_left_to_forecast(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(OLD_SPIKE), "old")

    assert "Every day on this chart is observed, so nothing is left to forecast." in page.text
    assert not rows_with(page, "curve", "text")


def test_the_forecasts_are_held_against_what_happened_and_the_baselines(
    make_marts: MakeMarts,
) -> None:
    page = page_of(make_marts(HABIT), "habit")

    # errors of 1/2, 1 and 3/2 times the method's own: the median is the method's own
    assert "Day 30, classic 3 0.40 100.0 % within 1.10 100.0 % within 9.00 0 % within" in page.text
    assert "In 2 of 2 comparisons the forecast's median error is no larger" in page.text
    assert "Day 60, classic" not in page.text


def test_ranks_are_this_apps_only_and_notes_stand_on_their_days(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(SPIKE, HABIT), "habit")

    lines = [row for row in rows_with(page, "rank-0", "app") if isinstance(row["rank"], list)]
    assert {row["app"] for row in lines} == {"Habit & Co"}
    notes = rows_with(page, "rank-0", "title")
    assert {row["day"] for row in notes} == {"2026-02-14", "2026-03-02", "2026-03-24"}
    assert "Marked: Invitations end, open to all, 14 Feb 2026;" in page.text


def test_a_note_outside_a_charts_days_is_not_drawn_on_it(make_marts: MakeMarts) -> None:
    marts = change(make_marts(HABIT), "update launch_notes set note_date = date '2024-01-01'")

    page = page_of(marts, "habit")

    assert not rows_with(page, "rank-0", "title")
    assert "Marked:" not in page.text


def test_the_company_and_the_chart_story_are_told(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(SPIKE), "spike")

    assert "Rose to 1, 6 days after it was first seen; twice as bad by 28 Feb 2026" in page.text
    assert (
        "On 31 Mar 2026 Spike Video stands at 27, behind Burger Chain (25) and Map & Go (26), "
        "ahead of Weather (28) and Parcel Tracker (29)."
    ) in page.text
    assert "Passed since its peak by Rival Assistant (24), Burger Chain (25)" in page.text
    assert "the rank number changes by +8.0 % a day (95 % +7.4 % to +8.7 %)" in page.text
    assert "Burger Chain 25 not in the chart passed it" in page.text


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("not_yet", "the rank has not stayed twice as bad for a week"),
        ("cannot_tell", "the chart was not fetched often or deep enough"),
    ],
)
def test_a_half_life_that_is_not_reached_says_why(
    make_marts: MakeMarts, state: str, says: str
) -> None:
    marts = change(
        make_marts(SPIKE),
        f"update fct_rank_summary set half_life_state = '{state}', half_life_date = null, "
        "half_life_days = null",
    )

    assert says in page_of(marts, "spike").text


def test_growth_flags_and_launches_are_compared(make_marts: MakeMarts) -> None:
    marts = make_marts(OLD_SPIKE, LEAKY, HABIT)

    leaky = page_of(marts, "leaky")
    assert "New users still arrive, none stay: so it is on 31 Mar 2026" in leaky.text
    old = page_of(marts, "old")
    assert "“New users still arrive, none stay” held on 5 of 114 days" in old.text
    assert rows_with(old, "new-users", "from") == [{"from": "2025-12-10", "to": "2025-12-15"}]
    launches = rows_with(old, "launches", "own")
    assert {row["app"]: row["own"] for row in launches} == {
        "Vidra": True,
        "Leaky": False,
        "Habit & Co": False,
    }
    assert launches[-1]["own"] is True  # drawn last, above the others
    assert all(row["day"][0] == 0 for row in launches)
    assert "Vidra 0 days 2 days not yet" in old.text


def test_behaviour_warns_of_correlation_and_leaves_out_too_few(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(HABIT), "habit")

    assert "This is correlation." in page.text
    drawn = rows_with(page, "behaviour-first-day", "what")
    assert "did “rare”" not in {row["what"] for row in drawn}
    assert {row["group"] for row in drawn if row["what"] == "did “video_shared”"} == {
        "did",
        "did not",
    }
    assert "too few" in page.text
    assert "7.0 % of the users (active on 4+ days) made 55.0 % of all events." in page.text


def test_launch_effects_say_whether_they_are_more_than_noise(make_marts: MakeMarts) -> None:
    text = page_of(make_marts(HABIT), "habit").text

    assert (
        "−7.0 points more than cohort-to-cohort noise 95 % −9.0 to −5.0 31.0 % of 400 before"
    ) in text
    assert "within cohort-to-cohort noise" in text
    assert "needs events to 6 May 2026" in text
    assert "Whether “Clip editor rebuilt” changed day 30 can be told." in text


def test_reviews_stand_beside_retention_with_quotes_in_their_language(
    make_marts: MakeMarts,
) -> None:
    page = page_of(make_marts(SPIKE), "spike")

    assert {"ratings", "cohort-weeks", "themes"} <= set(specifications(page))
    ratings = rows_with(page, "ratings", "rating")
    assert "2026-03-30" not in {row["day"] for row in ratings}  # that week is still running
    empty = [row for row in ratings if row["rating"] is None]
    assert {row["day"] for row in empty} == {"2026-03-02"}
    assert page.attributes("blockquote", "lang") == ["en", "ja", "en", "es", "zh"]
    assert "it is <b>the same five clips</b> again and again & again." in page.text
    assert not {"b", "i"} & {tag for tag, _ in page.tags}
    assert "Grown most since the peak: repetitive recommendations, from 4.0 % to 26.0 %" in (
        page.text
    )


def test_what_to_watch_is_ahead_and_in_order(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(HABIT), "habit")

    days = [date.fromisoformat(day) for day in page.attributes("time", "datetime")]
    assert days == sorted(days)
    assert min(days) > WATERMARK
    assert "Day 60 can be observed for the first cohort." in page.text
    assert "Day 30 of the users of Mar 2026 is complete: the forecast says 30.0 %" in page.text
    assert "Next milestone. 10 k users:" in page.text


def test_what_is_absent_is_said_and_no_chart_is_empty(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(QUIET), "quiet")

    for said in (
        "Quiet has not been seen on a landed chart, so its rank is not known.",
        "What users did cannot be held against whether they stayed yet",
        "No launch note is configured for this app.",
        "No review of this app has landed.",
        "No forecast of this app has come due yet",
    ):
        assert said in page.text
    assert set(specifications(page)) == {
        "curve",
        "explore",
        "new-users",
        "cumulative-users",
        "new-share",
        "quick-ratio",
        "launches",
    }


def test_an_app_without_events_has_a_page_of_words(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(AppRule("x", "Announced", daily_users=0)), "x")

    assert "Too early to tell" in page.text
    assert "No reasons can be given" in page.text
    assert "No date can be named yet" in page.text
    assert "No complete day of activity yet" in page.text
    assert len(page.scripts) == 1  # the theme's: there is nothing to draw


KEPT = re.compile(
    r"app_id|app_name|.*_date|week_start|day_n|outcome_day_n|launch_day_n|store.*|chart|genre|kind|"
    r"title|cohort_group|definition|status|method|measure|milestone|theme|period|sample_n|quote|"
    r"observed_in|behaviour|value|peak_rank|verdict|other_store_app_id|state|latest_state"
)


def test_every_number_may_be_unknown(make_marts: MakeMarts) -> None:
    marts = make_marts(SPIKE, HABIT)
    with duckdb.connect(str(marts)) as con:
        columns = con.execute(
            "select table_name, column_name from duckdb_columns() "
            "where list_contains(?, table_name)",
            [[*TABLES, "fct_rank_summary"]],
        ).fetchall()
        unknown = [(table, column) for table, column in columns if not KEPT.fullmatch(column)]
        for table, column in unknown:
            con.execute(f'update {table} set "{column}" = null')
        for column in ("confidence", "reason_1", "reason_2", "reason_3", "would_change", "next_on"):
            con.execute(f"update app_scorecard set verdict_{column} = null")
        con.execute("update app_scorecard set verdict = null, verdict_next = null")
    assert len(unknown) > 60

    for app in (SPIKE, HABIT):
        page = page_of(marts, app.app_id)
        assert "Too early to tell" in page.text
        assert "None" not in page.text
        assert "nan" not in page.text.lower().split()


def test_headers_have_scopes_and_charts_labels(make_marts: MakeMarts) -> None:
    page = page_of(make_marts(SPIKE, HABIT), "spike")

    headers = [attrs for tag, attrs in page.tags if tag == "th"]
    assert all(attrs.get("scope") in {"row", "col"} for attrs in headers)
    plots = [attrs for _, attrs in page.tags if attrs.get("class") == "plot"]
    assert len(plots) == len(specifications(page))
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in plots)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_the_page_of_an_app_that_is_gone_goes(make_marts: MakeMarts) -> None:
    marts = make_marts(SPIKE, HABIT)
    assert {path.name for path in (site_of(marts) / "apps").iterdir()} == {
        "spike.html",
        "habit.html",
    }

    change(marts, "update dim_apps set is_tracked = false where app_id = 'habit'")

    assert {path.name for path in (site_of(marts) / "apps").iterdir()} == {"spike.html"}


def test_names_cannot_become_markup_files_or_script(make_marts: MakeMarts) -> None:
    hostile = AppRule(
        "../../etc/</script><script>x", "</script><b>Bold</b> {{ 7 * 7 }}", verdict="spike"
    )
    site = site_of(make_marts(hostile))

    (file,) = (site / "apps").iterdir()
    page = Page(file.read_text(encoding="utf-8"))
    assert re.fullmatch(r"etc-script-script-x-[0-9a-f]{8}\.html", file.name)
    assert hostile.name in page.text
    assert not {"b", "i"} & {tag for tag, _ in page.tags}
    # theme, data, Vega, drawing, choosing: none that the name brought
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 5


@pytest.mark.parametrize("table", ["fct_forecasts", "fct_launch_velocity", "review_samples"])
def test_a_missing_mart_of_the_story_is_named(
    make_marts: MakeMarts, tmp_path: Path, table: str
) -> None:
    marts = change(make_marts(SPIKE), f"drop table {table}")

    with pytest.raises(AfterhypeError, match=rf"tables missing: marts\.{table}"):
        write_site(marts, tmp_path / "site")


def test_a_scorecard_without_verdicts_asks_for_a_new_publication(
    make_marts: MakeMarts, tmp_path: Path
) -> None:
    marts = change(make_marts(SPIKE), "alter table app_scorecard drop column verdict")

    with pytest.raises(AfterhypeError, match="Publish again with this version"):
        write_site(marts, tmp_path / "site")
