"""What the demo's extracts hold, known because they were made so: ``truth.json`` beside them."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.errors import AfterhypeError

TRUTH_FILE = "truth.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AppTruth(_Frozen):
    """One app. Always ``rows == events + sum(duplicates) + sum(rejects)``.

    ``retention`` is the probability by day n that a user is active on that calendar day (UTC).
    ``rows`` counts lines and Parquet rows without headers; ``events`` the distinct valid events;
    ``duplicates`` the repeats of an event id by how they came about; ``rejects`` the rows that
    cannot be landed, by what is wrong with them; ``late_rows`` the valid events that only a later
    extract delivers. ``last_day`` is the last UTC day with valid events, as YYYY-MM-DD.
    """

    retention: dict[int, float]
    users: int
    events: int
    rows: int
    duplicates: dict[str, int]
    rejects: dict[str, int]
    late_rows: int
    first_day: str
    last_day: str
    files: int


class ChartTruth(_Frozen):
    """The chart captures: ``files`` on disk, of which ``unchanged`` repeat an earlier stamp.

    ``missing`` lists (storefront, day) without a file. ``spike_ranks`` gives the spike app's rank
    by storefront and day, null when it is off the chart; days without a new observation are absent.
    """

    files: int
    unchanged: int
    missing: list[tuple[str, str]]
    spike_ranks: dict[str, dict[str, int | None]]


class ReviewTruth(_Frozen):
    """The review feeds. Always ``rows == sum(reviews) + edits + duplicates + rejects``.

    ``reviews`` counts the distinct reviews by app; ``edits`` the later versions of them;
    ``duplicates`` the versions that a second feed delivers again; ``rejects`` the entries that are
    no review. ``mentions`` counts, by app and theme, the reviews whose last version was written to
    speak of it.
    """

    files: int
    rows: int
    reviews: dict[str, int]
    edits: int
    duplicates: int
    rejects: int
    mentions: dict[str, dict[str, int]]


class DemoTruth(_Frozen):
    """The whole demo: which generator made it, from which seed, and what is in it."""

    generator_version: int
    seed: int
    apps: dict[str, AppTruth]
    charts: ChartTruth = Field(repr=False)
    reviews: ReviewTruth = Field(repr=False)

    @property
    def retention(self) -> dict[str, dict[int, float]]:
        """app_id -> day n -> the true classic retention, as a fraction."""
        return {app_id: app.retention for app_id, app in self.apps.items()}

    @property
    def rows(self) -> int:
        return sum(app.rows for app in self.apps.values())

    @property
    def events(self) -> int:
        return sum(app.events for app in self.apps.values())

    @property
    def duplicates(self) -> int:
        return sum(sum(app.duplicates.values()) for app in self.apps.values())

    @property
    def rejects(self) -> int:
        return sum(sum(app.rejects.values()) for app in self.apps.values())

    @property
    def files(self) -> int:
        of_events = sum(app.files for app in self.apps.values())
        return of_events + self.charts.files + self.reviews.files


def write_truth(target: Path, truth: DemoTruth) -> None:
    """Write ``truth.json`` into the folder of the extracts."""
    document = json.dumps(truth.model_dump(mode="json"), indent=1, sort_keys=True)
    (target / TRUTH_FILE).write_text(document + "\n", encoding="utf-8")


def read_truth(target: Path) -> DemoTruth:
    """Read the truth that lies beside the demo's extracts.

    Raises AfterhypeError when it is not there or not of this version.
    """
    path = target / TRUTH_FILE
    try:
        return DemoTruth.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AfterhypeError(
            f"{path}: not there. Run `afterhype demo` to write the demo's extracts."
        ) from None
    except ValidationError as error:
        raise AfterhypeError(
            f"{path}: not a truth file of this version of afterhype "
            f"({error.error_count()} problems). Remove {target} and run `afterhype demo` again."
        ) from None
