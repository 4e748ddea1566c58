"""Taking extracts apart: archives, packed text, other encodings."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from flows.errors import ExtractError
from flows.extract.unpack import local_only, unpacked
from flows.sources import ChartFiles
from tests.presence import extracts_of


class Unpack(Protocol):
    """``unpack(name, content)``: the parts as (name within the archive, text)."""

    def __call__(
        self, name: str, content: bytes, encoding: str | None = None
    ) -> list[tuple[str | None, str]]: ...


@pytest.fixture
def unpack(tmp_path: Path) -> Iterator[Unpack]:
    def of(name: str, content: bytes, encoding: str | None = None) -> list[tuple[str | None, str]]:
        path = tmp_path / name
        path.write_bytes(content)
        source = ChartFiles(name="s", uri=str(path), format="apple_rss")
        with unpacked(
            extracts_of(source, path), tmp_path / "scratch", encoding, local_only
        ) as parts:
            return [(part.member, _text(part.location)) for part in parts]

    yield of
    assert not (tmp_path / "scratch").exists() or not list((tmp_path / "scratch").iterdir())


def _text(location: str) -> str:
    with gzip.open(location) if location.endswith(".gz") else Path(location).open("rb") as file:
        return file.read().decode()


def zipped(*members: tuple[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_zip_s_members_in_folders_without_the_empty_and_hidden_ones(unpack: Unpack) -> None:
    content = zipped(
        ("b/deep/er/2.csv", "two"),
        ("a/1.csv.gz", gzip.compress(b"one")),
        ("a/empty.csv", ""),
        ("__MACOSX/a/._1.csv", "mac"),
        ("a/.DS_Store", "mac"),
        ("../../outside.csv", "kept inside"),
    )
    assert unpack("a.zip", content) == [
        ("../../outside.csv", "kept inside"),
        ("a/1.csv.gz", "one"),
        ("b/deep/er/2.csv", "two"),
    ]


def test_a_zip_by_any_name_is_one(unpack: Unpack) -> None:
    assert unpack("export.json.gz", zipped(("1.json", "{}"))) == [("1.json", "{}")]


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-16", None),
        ("utf-16-le", None),
        ("utf-16-be", None),
        ("utf-32", None),
        ("utf-8-sig", "utf-8-sig"),
        ("latin-1", "latin-1"),
        ("cp1252", "cp1252"),
        ("shift_jis", "shift_jis"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_text_of_other_encodings_becomes_utf_8(
    unpack: Unpack, encoding: str, told: str | None, packed: bool
) -> None:
    text = "who,what\r\nann,open and a rather long line so that the pattern shows\r\n"
    text += "ß,ö\r\n" if encoding != "shift_jis" else "日本,語\r\n"
    content = text.encode(encoding)
    name = "a.csv.gz" if packed else "a.csv"
    ((_, read),) = unpack(name, gzip.compress(content) if packed else content, told)
    assert read.removeprefix("\ufeff") == text


def encrypted() -> bytes:
    content = bytearray(zipped(("1.csv", "secret")))
    content[6] |= 1  # the flag of a password in the local header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def damaged() -> bytes:
    content = bytearray(zipped(("1.csv", "some text, not quite the same everywhere")))
    content[40] ^= 0xFF  # within the member's bytes
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    # named ids: a zip holds the time at which it was made, and every worker must collect the same
    [
        pytest.param("a.csv", b"", "the file is empty", id="empty"),
        pytest.param("a.zip", b"not a zip", "not a whole zip file", id="no zip"),
        pytest.param(
            "a.zip", zipped(("1.csv", "x" * 1000))[:-30], "not a whole zip file", id="cut"
        ),
        pytest.param("a.zip", zipped(("1.csv", "")), "the zip holds no data", id="nothing in it"),
        pytest.param("a.zip", encrypted(), "password required", id="encrypted"),
        pytest.param("a.zip", damaged(), "damaged zip", id="damaged"),
    ],
)
def test_what_cannot_be_unpacked_is_named(
    unpack: Unpack, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(ExtractError, match=said) as caught:
        unpack(name, content)
    assert name in str(caught.value)


def test_text_that_is_not_of_its_encoding_is_named(unpack: Unpack) -> None:
    with pytest.raises(ExtractError, match=r"is not ascii throughout.*reader\.encoding"):
        unpack("a.csv", "é".encode(), "ascii")
