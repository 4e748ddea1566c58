"""Tell Prefect what happened, as events on which its automations can act (flows.alerts)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect.events import emit_event

from flows.outlook.slow_sources import SlowSource
from flows.publish import Publication
from flows.quality import GateReport, describe
from flows.settings import Settings
from flows.staleness import StaleSource
from flows.targets.deliveries import Delivery
from flows.verify import Verification

GATE_STOPPED = "afterhype.gate.stopped"
SOURCE_STALE = "afterhype.source.stale"
PUBLISHED = "afterhype.publication.published"
UNCHANGED = "afterhype.publication.unchanged"
DELIVERY_FAILED = "afterhype.delivery.failed"
MARTS_DIFFER = "afterhype.verify.differs"
TEST = "afterhype.alerts.test"

FAILURES_TOLD = 20


def tell_of_gate(settings: Settings, report: GateReport) -> None:
    """A gate stopped something: extracts (raw) or a publication (mart)."""
    stopped = f"{len(report.failed_subjects)} extracts are in quarantine"
    if report.stage == "mart":
        stopped = "nothing was published; the last publication stands"
    _tell(
        settings,
        GATE_STOPPED,
        message=f"The {report.stage} gate stopped something: {stopped}.\n{describe(report)}",
        stage=report.stage,
        subjects=list(report.failed_subjects)[:FAILURES_TOLD],
        checks=[
            {"subject": check.subject, "check": check.expectation, "message": check.message}
            for check in report.critical_failures[:FAILURES_TOLD]
        ],
    )


def tell_of_publication(settings: Settings, publication: Publication, *, is_new: bool) -> None:
    """There is a new publication, or the one that stands holds all that has landed."""
    word = "published" if is_new else "still holds all that has landed"
    _tell(
        settings,
        PUBLISHED if is_new else UNCHANGED,
        message=f"{publication.publication_id} {word}",
        publication_id=publication.publication_id,
        built_at=f"{publication.built_at:%Y-%m-%dT%H:%M:%SZ}",
    )


def tell_of_failed_delivery(settings: Settings, delivery: Delivery) -> None:
    """A target of ``publish.to`` did not take what is published."""
    _tell(
        settings,
        DELIVERY_FAILED,
        message=delivery.message,
        target=delivery.address,
        publication_id=delivery.publication_id,
    )


def tell_of_stale_source(settings: Settings, stale: StaleSource) -> None:
    """A source has brought nothing new for longer than its ``stale_after_hours``."""
    _tell(
        settings,
        SOURCE_STALE,
        message=str(stale),
        source=stale.source,
        last_landed_at=f"{stale.last_landed_at:%Y-%m-%dT%H:%M:%SZ}"
        if stale.last_landed_at
        else None,
        stale_after_hours=stale.stale_after_hours,
    )


def tell_of_slow_source(settings: Settings, slow: SlowSource) -> None:
    """A source lies so far behind its app's others that they wait for it."""
    _tell(
        settings,
        SOURCE_STALE,
        message=str(slow),
        source=slow.source,
        app_id=slow.app_id,
        watermark=slow.watermark.isoformat(),
        furthest_full_day=slow.furthest_full_day.isoformat(),
    )


def tell_of_differences(settings: Settings, verification: Verification) -> None:
    """The weekly verification found a cell that is not what a rebuild gives."""
    cells: Sequence[str] = [str(difference) for difference in verification.differences]
    _tell(
        settings,
        MARTS_DIFFER,
        message=f"{verification.differing_rows} rows of the marts differ from a rebuild.",
        cells=cells[:FAILURES_TOLD],
    )


def tell_test(settings: Settings) -> Any:
    """Nothing happened; somebody wants to see whether alerts arrive. Returns the event."""
    return _tell(settings, TEST, message="This is a test of afterhype's alerts.")


def home_resource(settings: Settings) -> dict[str, str]:
    """The resource that every event is about: the home."""
    # the id's path keeps homes of one server apart
    return {
        "prefect.resource.id": f"afterhype.home.{settings.home}",
        "prefect.resource.name": str(settings.home),
    }


def _tell(settings: Settings, event: str, **payload: Any) -> Any:
    return emit_event(event=event, resource=home_resource(settings), payload=payload)
