"""The page says what the marts say, and nothing in a name can change what the page is."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from flows.errors import AfterhypeError
from flows.report import write_site
from tests.report.conftest import HABIT, QUIET, SPIKE, AppRule, MakeMarts, drawn_before
from tests.report.reading import Page, specifications

HOSTILE = AppRule(
    "hostile",
    "</script><script>window.hacked = 1</script><b>Bold</b> & {{ 7 * 7 }}",
    is_simulated=True,
    description="modelled after <i>nothing</i>",
    peak_rank=3,
)


def write(marts: Path, **documents: Path) -> Page:
    index = write_site(marts, marts.parent / "site", kept_in=drawn_before(marts), **documents)
    return Page(index.read_text(encoding="utf-8"))


def test_the_lead_answers_with_numbers_per_app(make_marts: MakeMarts) -> None:
    page = write(make_marts(SPIKE, HABIT))

    # 50 days, so day 60 cannot have been observed, and is not 0.
    assert (
        "Of 9,800 users, 10.0 % were back on day 1; of those observed long enough, 2.0 % on day 7 "
        "and 1.0 % on day 30. Not yet observable: day 60 (needs events to 11 Apr 2026). "
        "Peaked at rank 1 on 11 Feb 2026 (US top free); rank 27 on 31 Mar 2026."
    ) in page.text
    assert "off the chart on 31 Mar 2026" in page.text


def test_an_incomplete_day_is_not_yet_observable_and_never_zero(make_marts: MakeMarts) -> None:
    page = write(make_marts(QUIET))

    assert "not yet observable, needs events to 4 Apr 2026" in page.text  # day 7
    assert "not yet observable, needs events to 27 May 2026" in page.text  # day 60
    assert "no rank observed" in page.text
    triangle = specifications(page)["triangle-0"]
    hatched, observed = triangle["layer"]
    assert hatched["mark"]["fill"] == "url(#not-observed)"
    last_cohort = triangle["datasets"][observed["data"]["name"]][-1]
    assert last_cohort["rate"][:3] == [1.0, None, None]


def test_simulated_apps_are_marked_and_described(make_marts: MakeMarts) -> None:
    page = write(make_marts(SPIKE, HABIT))

    assert "Spike Video simulated" in page.text
    assert "Habit & Co simulated" not in page.text
    assert "1 of the 2 apps on this page is simulated" in page.text
    assert "modelled after an AI video app that led the chart for a week" in page.text


def test_curves_hold_complete_days_only(make_marts: MakeMarts) -> None:
    page = write(make_marts(HABIT, QUIET))

    chart = specifications(page)["curve-classic"]
    (rows,) = (rows for rows in chart["datasets"].values())
    assert {row["app"]: row["day"][-1] for row in rows} == {"Habit & Co": 49, "Quiet": 3}
    assert rows[0]["rate"][0] == 0.5
    assert rows[0]["low"][0] < 0.5 < rows[0]["high"][0]
    assert (
        "Habit & Co: of 4,900 users, 50.0 % were active on day 1 (95 % interval 48.6–51.4 %)"
        in page.text
    )


def test_ranks_break_over_unfetched_days_and_sink_to_the_floor_when_off_the_chart(
    make_marts: MakeMarts,
) -> None:
    page = write(make_marts(HABIT))

    data = specifications(page)["ranks-0"]["datasets"].values()
    gap = next(rows for rows in data if "from" in rows[0])
    assert gap == [{"from": "2026-02-20", "to": "2026-02-23"}]
    ranked = next(rows[0] for rows in data if isinstance(rows[0].get("rank"), list))
    on_day = dict(zip(ranked["day"], ranked["rank"], strict=True))
    assert on_day["2026-02-19"] is not None
    assert on_day["2026-02-20"] is on_day["2026-03-31"] is None
    off = next(rows[0] for rows in data if "depth" in rows[0])
    assert off["day"][-1] == "2026-03-31"
    assert off["rank"] > 100
    assert any(rows[0].get("text") == "worse than 100" for rows in data)


def test_many_cohort_dates_are_gathered_into_weeks(make_marts: MakeMarts) -> None:
    page = write(make_marts(HABIT))

    triangle = specifications(page)["triangle-0"]
    observed = triangle["datasets"][triangle["layer"][1]["data"]["name"]]
    assert [row["cohort"].replace("\u00a0", " ") for row in observed][:2] == [
        "9 Feb 2026",
        "16 Feb 2026",
    ]
    # 30 and 31 March: day 1 of the second is not over, so the whole cell waits.
    assert observed[-1]["rate"][:2] == [1.0, None]


def test_growth_shows_complete_weeks_only(make_marts: MakeMarts) -> None:
    page = write(make_marts(HABIT))

    weeks = next(
        rows for rows in specifications(page)["growth-0"]["datasets"].values() if "start" in rows[0]
    )
    assert weeks[-1]["end"] == "2026-03-30"
    assert weeks[0]["ratio"] is None
    assert all(week["lost"] == -week["churned"] for week in weeks)
    assert "In the week of 23 Mar 2026" in page.text


def test_freshness_gates_and_publication_are_shown(make_marts: MakeMarts) -> None:
    page = write(make_marts(SPIKE, HABIT))

    assert "events of Habit & Co" in page.text
    assert "1 Apr 2026, 04:05 UTC" in page.text
    assert "3 of 4 checks passed" in page.text
    assert "2 days above the range, <b>look</b>" in page.text
    assert "3 subjects" in page.text
    assert "20260401T040500-abc123" in page.text
    assert "0.1.0+deadbee" in page.text
    assert "sha256:0123456789abcdef" in page.text


def test_what_moved_is_told_with_its_cause(make_marts: MakeMarts) -> None:
    page = write(make_marts(SPIKE))

    assert "daily cohorts: retained users" in page.text
    assert "1,310" in page.text  # 10 and 1,300 in 41 cells, summed up
    assert "1,345" in page.text
    assert "1 extract(s) brought 2 events of days already published" in page.text
    assert "scorecard: D7" in page.text
    assert "2.1 %" in page.text
    assert "told yesterday" not in page.text  # that was the publication before


def test_what_the_scorecard_says_anew_is_told_with_what_it_said_before(
    make_marts: MakeMarts,
) -> None:
    page = write(make_marts(SPIKE, HABIT))

    assert "Compared with publication 20260331T040500-abc122" in page.text
    assert "Too early to tell → A spike" in page.text
    assert "30 Mar 2026 → 31 Mar 2026" in page.text
    assert "9,800 → 10,000" in page.text
    assert "11.0 % → 10.0 %" in page.text
    assert "49 cohorts complete, +1" in page.text


def test_the_history_of_the_gates_names_what_failed(make_marts: MakeMarts) -> None:
    page = write(make_marts(SPIKE))

    assert "run-1" in page.text
    assert "event_time is never null (extract-7)" in page.text


def test_the_curve_of_all_users_is_that_of_the_mart(make_marts: MakeMarts) -> None:
    marts = make_marts(HABIT)
    page = write(marts)
    with duckdb.connect(str(marts), read_only=True) as con:
        points = con.execute(
            "select period_n, round(retention_rate, 5), round(ci_low, 4) from fct_retention_curves "
            "where definition = 'classic' and period_n > 0 and is_complete order by period_n"
        ).fetchall()

    drawn = specifications(page)["explore"]["data"]["values"]
    assert [(row["x"], row["rate"]) for row in drawn] == [(n, rate) for n, rate, _ in points]
    assert [row["low"] for row in drawn] == pytest.approx([low for *_, low in points], abs=2e-4)


def test_lateness_is_shown_per_source(make_marts: MakeMarts) -> None:
    page = write(make_marts(SPIKE))

    assert "How late events land" in page.text
    assert "97.0 %" in page.text


def test_names_cannot_become_markup_or_script(make_marts: MakeMarts) -> None:
    page = write(make_marts(HOSTILE))

    assert HOSTILE.name in page.text
    assert "modelled after <i>nothing</i>" in page.text
    assert not {"b", "i"} & {tag for tag, _ in page.tags}
    # The data, the theme, the bundle, and the lines that draw and explore: no script of the app's.
    assert len(page.attributes("script", "type")) == 1
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 5
    ranked = specifications(page)["ranks-0"]["datasets"].values()
    assert any(rows[0].get("app") == HOSTILE.name for rows in ranked)


def test_nothing_on_the_page_is_fetched_from_elsewhere(make_marts: MakeMarts) -> None:
    page = write(make_marts(SPIKE))

    assert not page.attributes("script", "src")
    assert page.attributes("link", "href") == ["data:,"]
    within = ("#", "apps/", "glossary.html", "downloads/")
    assert all(link.startswith(within) for link in page.attributes("a", "href"))


def test_every_header_cell_has_a_scope_and_every_chart_a_label(make_marts: MakeMarts) -> None:
    page = write(make_marts(SPIKE, HABIT))

    headers = [attrs for tag, attrs in page.tags if tag == "th"]
    assert headers
    assert all(attrs.get("scope") in {"row", "col"} for attrs in headers)
    plots = [attrs for tag, attrs in page.tags if attrs.get("class") == "plot"]
    assert len(plots) == len(specifications(page))
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in plots)


def test_an_app_without_events_has_a_page(make_marts: MakeMarts) -> None:
    page = write(make_marts(AppRule("x", "Announced", daily_users=0)))

    assert "Announced Too early to tell No users have been observed yet." in page.text
    assert "not yet observable: no cohort has started" in page.text
    assert "No tracked app has been seen on a landed chart yet." in page.text
    assert not page.data


def test_no_app_at_all_has_a_page(make_marts: MakeMarts) -> None:
    assert "No app is tracked yet." in write(make_marts()).text


def test_twelve_apps_over_five_months_stay_below_three_megabytes(make_marts: MakeMarts) -> None:
    first_day = SPIKE.first_day.replace(year=2025, month=11, day=1)
    apps = [
        AppRule(f"app-{i}", f"App {i}", first_day=first_day, peak_rank=i + 1, verdict="leaky")
        for i in range(12)
    ]
    marts = make_marts(*apps)

    page = write_site(marts, marts.parent / "site")
    pages_of_apps = list(page.parent.glob("apps/*.html"))
    assert len(pages_of_apps) == 12
    assert max(path.stat().st_size for path in (page, *pages_of_apps)) < 3_000_000


def test_documents_are_copied_and_linked(make_marts: MakeMarts, tmp_path: Path) -> None:
    dbt_docs = tmp_path / "static_index.html"
    dbt_docs.write_text("dbt", encoding="utf-8")
    data_docs = tmp_path / "local_site"
    (data_docs / "validations").mkdir(parents=True)
    (data_docs / "index.html").write_text("ge", encoding="utf-8")
    (data_docs / "validations" / "one.html").write_text("one", encoding="utf-8")
    marts = make_marts(SPIKE)
    site = marts.parent / "site"

    page = write(marts, dbt_docs=dbt_docs, data_docs=data_docs)

    assert (site / "dbt" / "index.html").read_text(encoding="utf-8") == "dbt"
    assert (site / "data_docs" / "validations" / "one.html").is_file()
    assert {"dbt/index.html", "data_docs/index.html"} <= set(page.attributes("a", "href"))

    again = write(marts)
    assert not (site / "dbt").exists()
    assert not any("index.html" in link for link in again.attributes("a", "href"))


def test_a_missing_document_is_named(make_marts: MakeMarts, tmp_path: Path) -> None:
    marts = make_marts(SPIKE)

    with pytest.raises(AfterhypeError, match=r"nowhere\.html: dbt's static docs page"):
        write_site(marts, tmp_path / "site", dbt_docs=tmp_path / "nowhere.html")
    with pytest.raises(AfterhypeError, match=r"empty: no index\.html"):
        write_site(marts, tmp_path / "site", data_docs=tmp_path / "empty")


def test_a_missing_marts_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AfterhypeError, match=r"marts\.duckdb: there is no published marts file"):
        write_site(tmp_path / "marts.duckdb", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    marts = tmp_path / "marts.duckdb"
    marts.write_text("not a database", encoding="utf-8")

    with pytest.raises(AfterhypeError, match=r"marts\.duckdb: not a marts file"):
        write_site(marts, tmp_path / "site")


def test_a_missing_table_is_named(make_marts: MakeMarts, tmp_path: Path) -> None:
    marts = make_marts(SPIKE)
    other = marts.rename(tmp_path / "other.duckdb")
    with duckdb.connect(str(other)) as con:
        con.execute("drop table publication")

    with pytest.raises(AfterhypeError, match=r"tables missing: marts\.publication"):
        write_site(other, tmp_path / "site")


def test_the_marts_file_stays_as_it_was(make_marts: MakeMarts) -> None:
    marts = make_marts(SPIKE)
    before = marts.read_bytes()

    write(marts)

    assert marts.read_bytes() == before
