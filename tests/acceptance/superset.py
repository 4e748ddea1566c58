"""Apache Superset draws a chart of the published file while fifteen publications replace it.

`make acceptance` runs it: Superset in a virtualenv of its own, on loopback, its metadata in a
temporary folder. Two clients ask the chart's data without a pause, a real browser opens the chart
again and again, and meanwhile the marts of a demo's warehouse are published anew. Exits with 1 if
a query failed, a publication was half there, one seen was older than one seen before, or the last
one was never seen.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from flows.publish import Publication, publish
from flows.settings import Settings
from flows.sources import Sources

PASSWORD = "only-on-loopback"

CONFIG = """
SECRET_KEY = "only-for-a-server-on-loopback-that-lives-for-minutes"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
TALISMAN_ENABLED = False
WTF_CSRF_ENABLED = False
"""

# one row per publication and day n: a half publication would show as a wrong number of rows
CHART_SQL = """
select
    publication.publication_id,
    curves.period_n,
    curves.retention_rate,
    (select count(*) from marts.fct_retention_curves) as rows_there,
    (publication.row_counts ->> 'fct_retention_curves')::bigint as rows_told,
from marts.fct_retention_curves as curves
cross join marts.publication as publication
where curves.definition = 'classic' and curves.period = 'day'
"""


@dataclass
class Seen:
    """What one client saw, in order."""

    publications: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def note(self, publication_id: str) -> None:
        if self.publications and publication_id < self.publications[-1]:
            self.problems.append(f"{publication_id} after {self.publications[-1]}")
        self.publications.append(publication_id)


class Superset:
    """A server that has been set up, and a client that is logged in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=120)
        told = {"username": "admin", "password": PASSWORD, "provider": "db"}
        token = self._post("security/login", told)["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def add_chart(self, marts: Path) -> int:
        """A database, a dataset of it and a chart of that; the chart's id."""
        database = self._post(
            "database/",
            {
                "database_name": "afterhype",
                "sqlalchemy_uri": f"duckdb:///{marts}?access_mode=READ_ONLY",
            },
        )["id"]
        self._dataset = self._post(
            "dataset/", {"database": database, "table_name": "curves", "sql": CHART_SQL}
        )["id"]
        average = {
            "expressionType": "SQL",
            "sqlExpression": "avg(retention_rate)",
            "label": "retention",
        }
        form = {
            "datasource": f"{self._dataset}__table",
            "viz_type": "echarts_timeseries_line",
            "x_axis": "period_n",
            "metrics": [average],
            "groupby": ["publication_id"],
            "adhoc_filters": [],
            "row_limit": 10000,
            "force": True,
        }
        self._query = {
            "datasource": {"id": self._dataset, "type": "table"},
            "force": True,  # not from Superset's cache
            "queries": [
                {
                    "columns": ["publication_id", "period_n", "rows_there", "rows_told"],
                    "metrics": [average],
                    "orderby": [["period_n", True]],
                    "row_limit": 10000,
                }
            ],
            "result_format": "json",
            "result_type": "full",
        }
        return int(
            self._post(
                "chart/",
                {
                    "slice_name": "Retention",
                    "viz_type": "echarts_timeseries_line",
                    "datasource_id": self._dataset,
                    "datasource_type": "table",
                    "params": json.dumps(form),
                },
            )["id"]
        )

    def draw(self, seen: Seen) -> None:
        """Ask for the chart's data once, past every cache."""
        answer = self._client.post("/chart/data", json=self._query)
        if answer.status_code != httpx.codes.OK:
            seen.problems.append(f"HTTP {answer.status_code}: {answer.text[:300]}")
            return
        rows = answer.json()["result"][0]["data"]
        publications = {row["publication_id"] for row in rows}
        if len(publications) != 1 or any(r["rows_there"] != r["rows_told"] for r in rows):
            seen.problems.append(f"half a publication: {publications}, {len(rows)} rows")
            return
        seen.note(publications.pop())

    def _post(self, path: str, told: Mapping[str, object]) -> dict[str, Any]:
        answer = self._client.post(f"/{path}", json=told)
        if answer.is_error:
            raise SystemExit(f"{path}: HTTP {answer.status_code}: {answer.text[:1000]}")
        made: dict[str, Any] = answer.json()
        return made


@contextmanager
def running(python: Path, folder: Path) -> Iterator[str]:
    """Superset on loopback, with an administrator; its address."""
    config = folder / "superset_config.py"
    config.write_text(CONFIG.format(folder=folder))
    environment = os.environ | {"SUPERSET_CONFIG_PATH": str(config), "FLASK_APP": "superset"}
    program = python.with_name("superset")
    named = ["--username", "admin", "--firstname", "A", "--lastname", "B"]
    with (folder / "superset.log").open("a") as log:
        for command in (
            ["db", "upgrade"],
            ["fab", "create-admin", *named, "--email", "a@example.com", "--password", PASSWORD],
            ["init"],
        ):
            print(f"superset {' '.join(command[:2])} ...", flush=True)
            subprocess.run([program, *command], env=environment, stdout=log, stderr=log, check=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [program, "run", "-h", "127.0.0.1", "-p", str(port), "--with-threads"],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/health", server, folder / "superset.log")
            yield url
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            if httpx.get(url, timeout=10).is_success:
                return
        except httpx.HTTPError:
            time.sleep(1)
    raise SystemExit(f"Superset did not start:\n{log.read_text()[-3000:]}")


def republish(settings: Settings) -> Publication:
    """The marts as they stand, under a new id."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return publish(settings, Sources(), gate_results=[], now=now)


def log_in(page: Page, url: str) -> None:
    page.goto(f"{url}/login/")
    page.fill("input[name=username], #username", "admin")
    page.fill("input[name=password], #password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/superset/welcome/**", timeout=120_000)


def look(page: Page, url: str, chart: int, screenshot: Path, seen: Seen) -> None:
    """Open the chart's page as a user does: it is drawn, and its legend names the publication."""
    with page.expect_response(
        lambda response: "/api/v1/chart/data" in response.url, timeout=120_000
    ) as answered:
        page.goto(f"{url}/explore/?slice_id={chart}&force=true")
    if not answered.value.ok:
        seen.problems.append(f"the page: HTTP {answered.value.status}")
        return
    page.wait_for_selector("canvas", timeout=120_000)
    names = {name for row in answered.value.json()["result"] for name in row["colnames"]}
    found = sorted(name for name in names if "Z-" in name)
    if len(found) != 1:
        seen.problems.append(f"the page shows {found or 'no publication'}")
        return
    seen.note(found[0].split(", ")[-1])
    page.screenshot(path=screenshot)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--superset-python", type=Path, required=True)
    parser.add_argument("--home", type=Path, default=Path(".afterhype"), help="with a warehouse")
    parser.add_argument("--publications", type=int, default=15)
    parser.add_argument("--screenshot", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(home=folder / "home")
        settings.home.mkdir()
        shutil.copy(options.home / "warehouse.duckdb", settings.warehouse_path)
        first = republish(settings)
        with running(options.superset_python, folder) as url:
            return attend(url, settings, first, options)


def attend(url: str, settings: Settings, first: Publication, options: argparse.Namespace) -> int:
    superset = Superset(url)
    chart = superset.add_chart(settings.marts_path)
    clients = [Seen(), Seen()]
    browser_saw = Seen()
    stop = threading.Event()

    def ask(seen: Seen) -> None:
        while not stop.is_set():
            superset.draw(seen)

    threads = [threading.Thread(target=ask, args=(seen,)) for seen in clients]
    published = [first.publication_id]
    screenshot = options.screenshot or settings.home / "chart.png"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page()
        log_in(page, url)
        look(page, url, chart, screenshot, browser_saw)
        for thread in threads:
            thread.start()
        for number in range(options.publications):
            published.append(republish(settings).publication_id)
            print(f"published {published[-1]}", flush=True)
            if number % 5 == 4:
                look(page, url, chart, screenshot, browser_saw)
        stop.set()
        for thread in threads:
            thread.join()
        look(page, url, chart, screenshot, browser_saw)
        browser.close()
    last = Seen()
    superset.draw(last)
    everybody = [*clients, browser_saw, last]
    problems = [problem for seen in everybody for problem in seen.problems]
    if last.publications != published[-1:]:
        problems.append(f"the last publication is {published[-1]}, seen was {last.publications}")
    print(
        f"{len(published) - 1} republications; {sum(len(c.publications) for c in clients)} queries "
        f"of the chart's data and {len(browser_saw.publications)} pages drawn in Chromium saw "
        f"{len({id_ for seen in everybody for id_ in seen.publications})} of them; "
        f"{len(problems)} problems"
    )
    for problem in problems[:20]:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
