"""Status and doctor say where the events lie, and whether they can be written there."""

from __future__ import annotations

from pathlib import Path

from flows.doctor import inputs
from flows.lake.location import Lake
from flows.sources import Land, Sources, Storage
from flows.status import _lake
from tests.lake.conftest import Home, WriteCsv
from tests.presence import present


def test_status_tells_the_lake_its_files_and_bytes(homes: tuple[Home, Home], csv: WriteCsv) -> None:
    table, lake = homes
    assert _lake(table.con) is None
    lake.land(csv("a.csv", "u1,2026-01-01T00:00:00Z,open,1", "u1,2026-01-02T00:00:00Z,open,2"))
    told = _lake(lake.con)
    assert told
    sizes = [(present(lake.lake) / file).stat().st_size for file in lake.files()]
    assert (told.path, told.files, told.bytes) == (str(lake.lake), 2, sum(sizes))


def test_the_doctor_finds_whether_a_lake_can_be_written(
    homes: tuple[Home, Home], tmp_path: Path
) -> None:
    settings = homes[0].settings
    assert list(inputs.lake(Sources(), settings)) == []
    (found,) = inputs.lake(Sources(land=Land(to="lake", path=str(tmp_path / "new"))), settings)
    assert found.level == "ok"
    assert found.found == f"events lie in {tmp_path / 'new'}, which can be written"
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("no folder")
    broken = Sources(land=Land(to="lake", path=str(tmp_path / "file")))
    (found,) = inputs.lake(broken, settings)
    assert found.level == "problem"
    assert "land.path" in found.mend


def test_the_doctor_names_a_bucket_that_is_not_there(
    homes: tuple[Home, Home], bucket: Storage
) -> None:
    land = Land(to="lake", path="s3://nowhere/raw", storage=bucket)
    (found,) = inputs.lake(Sources(land=land), homes[0].settings)
    assert found.level == "problem"
    assert "s3://nowhere/raw: the lake cannot be written" in found.found
    land = Land(to="lake", path="s3://events/raw", storage=bucket)
    (found,) = inputs.lake(Sources(land=land), homes[0].settings)
    assert found.level == "ok"
    assert Lake("s3://events/raw", bucket).store().files("") == {}
