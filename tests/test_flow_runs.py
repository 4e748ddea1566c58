"""The same sentences as flows of a real Prefect server: steps, publication, what the server has."""

from __future__ import annotations

import shutil

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from flows import flow_runs, pipeline
from flows.settings import Settings
from flows.steps import Retry, Runner, step
from flows.warehouse import connect
from tests.conftest import Place, make_place
from tests.published import published_rows

pytestmark = pytest.mark.usefixtures("prefect_server")


def steps(place: Place) -> list[str]:
    with connect(Settings(home=place.home), read_only=True) as con:
        found = con.execute("select step from ops.run_steps order by started_at, step_number")
        return [row[0] for row in found.fetchall()]


@pytest.fixture(scope="module")
def both(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Place]:
    """The same extracts by hand and as flow runs: a first day, a second one, nothing new."""
    by_hand = make_place(tmp_path_factory.mktemp("by_hand"))
    as_flow = Place(tmp_path_factory.mktemp("as_flow"))
    shutil.copytree(by_hand.folder, as_flow.folder, dirs_exist_ok=True)
    for place in (by_hand, as_flow):
        place.home.mkdir()
        (place.home / "user_key.secret").write_text("the same for both")
        (place.home / "user_key.secret").chmod(0o600)
    for day in (1, 2, 3):
        for place, module in ((by_hand, pipeline), (as_flow, flow_runs)):
            if day == 2:
                place.export("late.csv", "v1,2026-01-03T10:00:00Z,open,v1")
            summary = module.daily(home=place.home, sources=place.sources)
            assert summary.nothing_new == (day == 3)
    return by_hand, as_flow


def test_both_ways_take_the_same_steps(both: tuple[Place, Place]) -> None:
    by_hand, as_flow = map(steps, both)
    assert by_hand == as_flow
    assert by_hand[:7] == [
        "land chat_events",
        "judge new extracts",
        "build the counts",
        "fit the outlook",
        "build the marts",
        "judge marts",
        "publish marts",
    ]
    assert len(by_hand) == 7 + 7 + 2


def test_both_ways_leave_the_same_publication(both: tuple[Place, Place]) -> None:
    by_hand, as_flow = (published_rows(place.home) for place in both)
    assert len(by_hand["fct_cohort_retention_daily"]) > 10
    assert by_hand == as_flow


def test_a_flow_run_shows_each_step_as_a_task(both: tuple[Place, Place]) -> None:
    with get_client(sync_client=True) as client:
        ours = [
            run
            for run in client.read_flow_runs()
            if str(run.parameters.get("home")) == str(both[1].home)
        ]
        shown = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id for run in ours]))
        )
    assert len(ours) == 3
    assert sorted(task.name for task in shown) == sorted(steps(both[1]))


def test_a_flow_run_leaves_an_artifact_with_the_scorecard(both: tuple[Place, Place]) -> None:
    with get_client(sync_client=True) as client:
        texts = [str(artifact.data) for artifact in client.read_artifacts()]
    assert any("| Chat | too early | 21 |" in text and "Mart gate" in text for text in texts)


class Gone(Exception):
    """What the step of the next test may be tried again for."""


@pytest.mark.parametrize("runner", [Runner(), flow_runs.FlowRunner()], ids=["by hand", "flow"])
def test_a_step_is_tried_again_for_its_own_errors_only(runner: Runner) -> None:
    tries: list[type[Exception]] = []

    @step("try {error.__name__}", retry=Retry(on=Gone, after_seconds=(0, 0)))
    def fail_twice(error: type[Exception]) -> int:
        tries.append(error)
        if len(tries) < 3:
            raise error("not yet")
        return len(tries)

    def attempt(error: type[Exception]) -> int:
        return runner.do(fail_twice, error)

    try_it = flow(attempt) if isinstance(runner, flow_runs.FlowRunner) else attempt
    assert try_it(Gone) == 3
    tries.clear()
    with pytest.raises(ValueError, match="not yet"):
        try_it(ValueError)
    assert tries == [ValueError]
