"""Write the demo's extracts, whole or not at all, the same for the same seed."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from flows.demo.charts import write_charts
from flows.demo.extracts import VENDORS, count_deliveries, write_extracts
from flows.demo.reviews import write_reviews
from flows.demo.simulate import simulate
from flows.demo.truth import TRUTH_FILE, DemoTruth, read_truth, write_truth
from flows.errors import AfterhypeError

GENERATOR_VERSION = 2
SEED = 20260301
"""A seed at which D1, D7, D30 and D60 of all three apps lie within the 95 % interval around what
is measured: the third that was tried. That is a property of this seed, not a proof. Of the seeds
1 to 25, nine have an interval that misses its truth, as 95 % intervals should now and then."""


def generate(target: Path, seed: int = SEED) -> DemoTruth:
    """Write the demo's extracts and their truth into ``target`` and return the truth.

    The folder holds spike/, habit/, leaky/, charts/, reviews/ and truth.json. If this version has
    written it from this seed before, nothing is touched. Raises AfterhypeError when ``target``
    holds anything that the demo has not written.
    """
    if written := _already_written(target, seed):
        return written
    partial = target.with_name(f"{target.name}.partial")
    replaced = target.with_name(f"{target.name}.replaced")
    for leftover in (partial, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    truth = _write(partial, seed)
    if target.exists():
        target.rename(replaced)
    partial.rename(target)
    shutil.rmtree(replaced, ignore_errors=True)
    return truth


def _write(folder: Path, seed: int) -> DemoTruth:
    apps = {}
    # one thread: DuckDB then writes the same rows in the same order every time
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        con.execute("set TimeZone = 'UTC'")
        for vendor in VENDORS:
            simulate(con, vendor.app, seed)
            write_extracts(con, vendor, seed, folder / vendor.app.app_id)
            apps[vendor.app.app_id] = count_deliveries(con, vendor.app)
    charts = write_charts(folder / "charts", seed)
    reviews = write_reviews(folder / "reviews", seed)
    truth = DemoTruth(
        generator_version=GENERATOR_VERSION, seed=seed, apps=apps, charts=charts, reviews=reviews
    )
    write_truth(folder, truth)
    return truth


def _already_written(target: Path, seed: int) -> DemoTruth | None:
    if not target.exists() or not any(target.iterdir()):
        return None
    if not (target / TRUTH_FILE).exists():
        raise AfterhypeError(
            f"{target}: holds files that the demo has not written. Move them elsewhere, "
            "or choose another --home."
        )
    try:
        truth = read_truth(target)
    except AfterhypeError:
        return None  # of another version: written anew
    present = sum(1 for path in target.glob("*/*") if path.is_file())
    is_same = (truth.generator_version, truth.seed) == (GENERATOR_VERSION, seed)
    return truth if is_same and present == truth.files else None
