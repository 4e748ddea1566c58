"""A target that is due gets what is published; one that is down spoils nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows import pipeline
from flows.publish import current_publication
from flows.settings import Settings, load_settings
from flows.sources import BucketTarget, Sources, load_sources
from flows.targets import deliveries
from tests.conftest import Place
from tests.postgres import PostgresServer
from tests.presence import present


def test_before_anything_is_published_nothing_is_due(tmp_path: Path) -> None:
    sources = Sources.model_validate({"publish": {"to": "postgres"}})
    settings = Settings(home=tmp_path / "home")
    assert deliveries.due(settings, sources) == []
    (state,) = deliveries.state(settings, sources)
    assert (state.address, state.is_due) == ("postgresql:// schema marts", False)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = replace(present(pipeline.deliver_to.retry), after_seconds=(0, 0, 0))
    monkeypatch.setattr(pipeline, "deliver_to", replace(pipeline.deliver_to, retry=at_once))


@pytest.mark.usefixtures("no_waiting", "schema")
def test_a_target_that_is_down_gets_it_from_the_next_run(
    after_a_day: Place, postgres: PostgresServer, bucket: BucketTarget
) -> None:
    place = after_a_day
    targets = f"""
publish:
  to:
    - {{type: postgres, uri: "{postgres.uri}"}}
    - {{type: s3, uri: "{bucket.uri}", storage: {{endpoint: "{bucket.storage.endpoint}"}}}}
"""
    place.sources.write_text(place.sources.read_text() + targets)
    settings = load_settings(place.home, place.sources)
    sources = load_sources(place.sources)
    stands = present(current_publication(settings))
    postgres.stop()
    try:
        summary = pipeline.daily(home=place.home, sources=place.sources)
    finally:
        postgres.start()
    # that targets were added makes nothing new: what stands is delivered
    assert summary.nothing_new
    assert current_publication(settings) == stands
    (message,) = summary.undelivered
    assert message.startswith(f"{postgres.uri} schema marts: {stands.publication_id} was not")
    assert "Connection refused" in message
    down, up = deliveries.state(settings, sources)
    assert (down.is_due, down.publication_id, down.delivered_at) == (True, None, None)
    assert "Connection refused" in present(down.error)
    assert down.failed_at is not None
    assert (up.is_due, up.publication_id, up.error) == (False, stands.publication_id, None)

    summary = pipeline.daily(home=place.home, sources=place.sources)
    assert [delivery.address for delivery in summary.deliveries] == [down.address]
    assert summary.undelivered == ()
    now_up, _ = deliveries.state(settings, sources)
    assert (now_up.is_due, now_up.error, now_up.failed_at) == (False, None, None)
    with postgres.connect() as con:
        assert con.execute("select publication_id from marts.publication").fetchall() == [
            (stands.publication_id,)
        ]
    assert pipeline.daily(home=place.home, sources=place.sources).deliveries == ()
    again = pipeline.deliver(home=place.home, sources=place.sources, again=True)
    assert [delivery.error for delivery in again.deliveries] == [None, None]
