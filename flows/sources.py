"""The typed form of ``profiles/sources.yml``: what to land, and for which apps."""

from __future__ import annotations

import codecs
import difflib
import re
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from flows.errors import ConfigurationError
from flows.formats.event_formats import EVENT_FORMATS
from flows.formats.no_ids import is_no_id
from flows.formats.numbers import Marks
from flows.formats.report_formats import INSTALL_FORMATS, REVIEW_FORMATS
from flows.formats.utc_expressions import gives_utc
from flows.outlook.rules import VerdictRules
from flows.unique_keys import load_yaml

EVENT_COLUMNS = (
    "user_id",
    "event_time",
    "event_name",
    "event_id",
    "platform",
    "country",
    "app_version",
    "channel",
    "properties",
)
"""The canonical columns of an event, in the order of the raw contract."""

MAPPED_COLUMNS = (*EVENT_COLUMNS, "anonymous_id")
"""What an event source may map: also the id under which a user was known before signing in."""

CHART_COLUMNS = (
    "store",
    "storefront",
    "chart",
    "genre",
    "snapshot_at",
    "feed_updated_at",
    "rank",
    "store_app_id",
    "app_name",
    "publisher",
    "url",
)
"""The canonical columns of a chart entry."""

INSTALL_COUNTS = (
    "downloads",
    "redownloads",
    "updates",
    "installs",
    "uninstalls",
    "sessions",
    "in_app_purchases",
)
"""What a store's report may count, each by app, day and country."""

INSTALL_COLUMNS = (
    "store",
    "store_app_id",
    "install_date",
    "country",
    "reported_on",
    *INSTALL_COUNTS,
)
"""The canonical columns of a row of an installs report; reported_on is the report's own date."""

REVIEW_COLUMNS = (
    "store",
    "store_app_id",
    "storefront",
    "review_id",
    "rating",
    "app_version",
    "title",
    "body",
    "author",
    "reviewed_at",
)
"""The canonical columns of a review; the author is keyed when it lands."""

SEGMENTS = ("platform", "country", "channel", "app_version")
"""The columns of an event by which retention can be broken down."""

NOTE_KINDS = ("release", "open_access", "platform", "campaign", "price", "other")
"""What a launch note can be of."""

_SECRET_IN_URI = re.compile(
    r"://[^/]*@|[?&][^=&]*(sig|signature|token|key|secret|password|credential)[^=&]*=",
    re.IGNORECASE,
)

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
StoreId = Annotated[str, BeforeValidator(lambda v: str(v) if isinstance(v, int) else v)]


def _existing_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(
            f"{value!r} is not an IANA time zone such as UTC or Europe/Berlin"
        ) from error
    return value


Zone = Annotated[str, AfterValidator(_existing_zone)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class App(_Strict):
    """An app whose retention is wanted. ``store_ids`` links it to its entries in store charts.

    ``activity_events`` names the events that count as activity (default: every event),
    ``cohort_events`` those of which the first starts a user's cohort (default: the first activity).
    ``creation_events`` are those by which users make something, ``sharing_events`` those by which
    they pass something on: who did one of them is told apart in retention by behaviour.
    """

    app_id: Name
    name: str = Field(min_length=1)
    description: str | None = None
    simulated: bool = False
    store_ids: dict[str, StoreId] = {}
    activity_events: tuple[str, ...] = ()
    cohort_events: tuple[str, ...] = ()
    creation_events: tuple[str, ...] = ()
    sharing_events: tuple[str, ...] = ()


Day = date  # within a class whose field is called so, `date` is that field


class LaunchNote(_Strict):
    """Something that happened to an app on a day of the reporting zone, and may have moved it."""

    app_id: Name
    date: Day
    kind: str
    title: str = Field(min_length=1)

    @field_validator("kind")
    @classmethod
    def _kind_exists(cls, value: str) -> str:
        if value not in NOTE_KINDS:
            raise ValueError(f"{value!r} is no kind of note{_did_you_mean(value, NOTE_KINDS)}")
        return value


def _existing_encoding(value: str | None) -> str | None:
    try:
        return codecs.lookup(value).name if value else None
    except LookupError as error:
        raise ValueError(f"{value!r} is no encoding that Python knows") from error


class Reader(_Strict):
    """How an extract's file is read; gzip, zstd and zip are recognised by the file itself.

    ``records`` (json only) is the JSON path of the array of records inside one document. A file of
    ``lines`` (text of fixed widths, say) has one column, ``line``, for SQL to take apart;
    ``header_lines`` says how many lines at its top to skip. ``encoding`` is needed only for text
    that is neither UTF-8 nor begins with a byte-order mark. A first line ``sep=;`` in the file goes
    before ``delimiter``.
    """

    type: Literal["csv", "ndjson", "parquet", "json", "lines"]
    delimiter: str = Field(",", min_length=1, max_length=4)
    header: bool = True
    quote: str = Field('"', max_length=1)
    names: tuple[str, ...] = ()
    records: str | None = None
    header_lines: int = Field(0, ge=0)
    encoding: str | None = None

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, value: str | None) -> str | None:
        return _existing_encoding(value)

    @model_validator(mode="after")
    def _options_fit_the_type(self) -> Reader:
        if self.names and self.type != "csv":
            raise ValueError("names goes with type: csv")
        if self.type == "csv" and not self.header and not self.names:
            raise ValueError("header: false needs names: [...], the columns' names in order")
        if self.records and self.type != "json":
            raise ValueError("records goes with type: json")
        if self.header_lines and self.type != "lines":
            raise ValueError("header_lines goes with type: lines; a CSV file has header: true")
        return self


class RejectShares(_Strict):
    """The share of an extract's rows, from 0 to 1, beyond which rejects warn or quarantine it."""

    warning: float = Field(0.05, ge=0, le=1)
    critical: float = Field(0.5, ge=0, le=1)


def _as_written(value: Any) -> Any:
    """A word that YAML takes for nothing, a truth or a number, as the text that an export has."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, int | float) else value


Word = Annotated[str, Field(min_length=1), BeforeValidator(_as_written)]


class NoIds(_Strict):
    """Which words are no ids in this source, beside those of the list in docs/formats/ids.md.

    ``also`` are further ones; ``allow`` are words of the list that are ids here. Upper and lower
    case are the same.
    """

    also: tuple[Word, ...] = ()
    allow: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _agrees_with_the_list(self) -> NoIds:
        also = {word.strip().lower() for word in self.also}
        for word in self.allow:
            if word.strip().lower() in also:
                raise ValueError(f"{word!r} is in also and in allow: is it an id?")
            if not is_no_id(word):
                raise ValueError(f"allow: {word!r} is not on the list: it is an id as it is")
        return self


class Numbers(_Strict):
    """How an export writes numbers: the sign between thousands (by default none) and of decimals.

    A space stands for the narrow and the unbreakable one as well, an apostrophe for the curly one.
    """

    thousands: Literal["", ".", ",", " ", "'"] = ""
    decimal: Literal[".", ","] = "."

    @model_validator(mode="before")
    @classmethod
    def _decimal_is_the_other_one(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("thousands") == "." and "decimal" not in value:
            return value | {"decimal": ","}
        return value

    @model_validator(mode="after")
    def _are_distinct(self) -> Numbers:
        if self.thousands == self.decimal:
            raise ValueError(f"{self.decimal!r} cannot stand for thousands and for decimals")
        return self

    @property
    def marks(self) -> Marks:
        return Marks(thousands=self.thousands, decimal=self.decimal)


class Storage(_Strict):
    """How to get at a bucket, where that is not what the environment's usual chain finds.

    ``credentials`` names a Prefect Secret block, as secret/NAME: this file holds no secret.
    ``endpoint`` is that of a store which speaks S3 (or an emulator), ``account`` Azure's.
    """

    credentials: str | None = Field(None, pattern=r"^secret/[a-z0-9-]+$")
    endpoint: str | None = Field(None, pattern=r"^https?://[^/@]+/?$")
    region: str | None = None
    account: str | None = None
    anonymous: bool = False


def _refuse_secret(uri: str, instead: str) -> str:
    if _SECRET_IN_URI.search(uri):
        raise ValueError(
            f"holds a secret (a password, or a signed address): give {instead} instead"
        )
    return uri


class PostgresTarget(_Strict):
    """A PostgreSQL schema that receives every publication.

    What ``uri`` leaves out, libpq looks for where it always does: PGHOST and its siblings, the
    password in PGPASSWORD or ~/.pgpass. ``credentials`` names a Prefect Secret block instead, whose
    value is the password, or a JSON object with ``user`` and ``password``.
    """

    type: Literal["postgres"]
    uri: str = Field("postgresql://", pattern=r"^postgres(ql)?://")
    schema_: str = Field("marts", alias="schema", pattern=r"^[a-z_][a-z0-9_]{0,39}$")
    credentials: str | None = Field(None, pattern=r"^secret/[a-z0-9-]+$")

    @field_validator("uri")
    @classmethod
    def _is_an_address_without_a_secret(cls, value: str) -> str:
        split = urlsplit(value)
        secrets = [key for key, _ in parse_qsl(split.query) if "password" in key.lower()]
        if split.password is not None or secrets:
            raise ValueError(
                "holds a password: leave it to PGPASSWORD or ~/.pgpass, or give "
                "credentials: secret/NAME of a Prefect block"
            )
        try:
            _ = split.port
        except ValueError as error:
            raise ValueError(f"is no address: {error}") from None
        return value

    @field_validator("schema_")
    @classmethod
    def _is_not_postgres_s_own(cls, value: str) -> str:
        if value.startswith("pg_") or value in ("public", "information_schema"):
            raise ValueError(f"{value} is not one to be swapped: name a schema of its own")
        return value

    @property
    def address(self) -> str:
        """Where it lies, in words that hold no secret."""
        return f"{self.uri} schema {self.schema_}"


class BucketTarget(_Strict):
    """A folder of a bucket that speaks S3: receives each publication's file and Parquet."""

    type: Literal["s3"]
    uri: str = Field(pattern=r"^s3://[^/*?\[\]]+(/[^*?\[\]]+)?$")
    storage: Storage = Storage()

    @field_validator("uri")
    @classmethod
    def _holds_no_secret(cls, value: str) -> str:
        return _refuse_secret(value, "storage.credentials: secret/NAME of a Prefect block")

    @property
    def address(self) -> str:
        """Where it lies, in words that hold no secret."""
        at = f" at {self.storage.endpoint}" if self.storage.endpoint else ""
        return f"{self.uri.rstrip('/')}{at}"


Target = Annotated[PostgresTarget | BucketTarget, Field(discriminator="type")]
"""A place outside this machine to which publications are delivered."""


def _as_list(value: Any) -> Any:
    """One target needs no list; ``postgres`` alone is one that libpq's variables describe."""
    entries = value if isinstance(value, list | tuple) else [value]
    return [{"type": entry} if isinstance(entry, str) else entry for entry in entries]


class PublishTo(_Strict):
    """Where a publication is delivered to, beside the published folder."""

    to: Annotated[tuple[Target, ...], BeforeValidator(_as_list)] = ()

    @field_validator("to")
    @classmethod
    def _are_distinct(cls, value: tuple[Target, ...]) -> tuple[Target, ...]:
        addresses = Counter(target.address for target in value)
        if repeated := [address for address, times in addresses.items() if times > 1]:
            raise ValueError(f"{repeated[0]} is given twice")
        return value


class Land(_Strict):
    """Where raw events are landed: in the warehouse's own file, or as Parquet in a lake.

    A lake is a folder of its own, on a disk (``{home}`` stands for the home folder; a relative path
    is relative to the sources file) or in a bucket that speaks S3. It defines no number.
    """

    to: Literal["duckdb", "lake"] = "duckdb"
    path: str | None = Field(None, min_length=1)
    storage: Storage = Storage()

    @field_validator("path")
    @classmethod
    def _is_a_folder(cls, value: str | None) -> str | None:
        if value is None or "://" not in value:
            return value
        if not re.fullmatch(r"s3://[^/*?\[\]]+(/[^*?\[\]]+)?", value):
            raise ValueError(f"{value!r} is neither a folder nor s3://bucket/folder")
        return _refuse_secret(value, "storage.credentials: secret/NAME of a Prefect block")

    @model_validator(mode="after")
    def _path_goes_with_a_lake(self) -> Land:
        if self.to == "lake" and self.path is None:
            raise ValueError("to: lake needs path: a folder of its own, or s3://bucket/folder")
        if self.to == "duckdb" and self.path is not None:
            raise ValueError("path goes with to: lake")
        return self


class FileSource(_Strict):
    """Extracts in files. ``uri`` is a path, glob or directory, or a list of them.

    ``{home}`` stands for the home folder, ``{date}`` for any day as YYYY-MM-DD; a relative path is
    relative to the sources file. Objects are s3://bucket/key, gs://bucket/key, az://container/key,
    with globs as in paths, or https://host/path. ``stale_after_hours``: when nothing new has landed
    for so long, the daily run tells (an alert, see docs/operate.md). ``encoding`` is that of a
    vendor's text that is neither UTF-8 nor begins with a byte-order mark; with ``reader`` it goes
    there.
    """

    kind: ClassVar[str]
    """What the ledger calls its extracts."""

    name: Name
    uri: str | tuple[str, ...]
    format: str
    reader: Reader | None = None
    columns: dict[str, str] = {}
    storage: Storage = Storage()
    rejects: RejectShares = RejectShares()
    stale_after_hours: float | None = Field(None, gt=0, exclude=True)  # defines no number
    encoding: str | None = None

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, value: str | None) -> str | None:
        return _existing_encoding(value)

    @model_validator(mode="after")
    def _encoding_is_the_reader_s(self) -> Self:
        if self.encoding and self.reader:
            raise ValueError(f"encoding goes into reader: {{encoding: {self.encoding}}}")
        return self

    @property
    def text_encoding(self) -> str | None:
        """In which encoding the files are, where they do not say it themselves."""
        return self.reader.encoding if self.reader else self.encoding

    @property
    def uris(self) -> tuple[str, ...]:
        return (self.uri,) if isinstance(self.uri, str) else self.uri

    @field_validator("uri")
    @classmethod
    def _holds_no_secret(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for uri in (value,) if isinstance(value, str) else value:
            _refuse_secret(uri, "storage.credentials: secret/NAME of a Prefect block")
        return value

    @field_validator("columns", mode="before")
    @classmethod
    def _expressions_are_text(cls, value: Any) -> Any:
        return {k: str(v) for k, v in value.items()} if isinstance(value, dict) else value

    def _check_mapping(self, custom: bool, known: Iterable[str], required: Iterable[str]) -> None:
        if not custom:
            if self.columns or self.reader:
                raise ValueError("reader and columns go with format: custom")
            return
        if self.reader is None:
            raise ValueError(
                "format: custom needs reader: {type: csv | ndjson | parquet | json | lines}"
            )
        for column in self.columns:
            _check_canonical(column, known)
        if missing := [column for column in required if column not in self.columns]:
            raise ValueError(f"columns lacks {', '.join(missing)}")


class EventSource(FileSource):
    """Event extracts of one app. ``columns`` maps canonical columns to SQL over the extract.

    ``format`` is ``custom`` or a vendor's, whose mapping ``columns`` may then correct or complete.
    ``extracts_overlap: false`` says that no event is in two extracts, which matters where events
    have no id of their own: identical rows of two extracts then are two events, not one.

    ``identity: merged`` counts an anonymous user and the known user that they turn out to be as
    one, in the past as well. ``replaces: same_path`` takes a newer file at the same path for a
    newer version: what it no longer holds is gone; ``nothing`` also keeps a day's provisional table
    beside its final one. ``export_timezone`` is the zone of time stamps that a vendor's format
    leaves without one, ``time_zone`` that of a custom one. ``no_ids`` says which words are nobody's
    id.
    Events dated more than ``future_tolerance_minutes`` after their landing are rejected.
    ``ended`` is the last reporting day of a source that will bring nothing more: it holds the
    app's watermark back no longer. ``quiet_days`` are reporting days on which its users rest, so
    that nothing lacks: without them a day that its history expects is said to be missing.
    """

    kind: ClassVar[str] = "events"

    app_id: str
    format: str = "custom"
    complete_through: date | None = None
    extracts_overlap: bool = True
    identity: Literal["as_sent", "merged"] = "as_sent"
    replaces: Literal["nothing", "same_path"] | None = None
    export_timezone: Zone | None = None
    time_zone: Zone | None = None
    earliest_event: date | None = None
    future_tolerance_minutes: float | None = Field(None, ge=0)
    ended: date | None = None
    quiet_days: tuple[date, ...] = ()
    no_ids: NoIds = NoIds()

    @field_validator("format")
    @classmethod
    def _format_exists(cls, value: str) -> str:
        known = ("custom", *EVENT_FORMATS)
        if value not in known:
            raise ValueError(f"{value!r} is not an event format{_did_you_mean(value, known)}")
        return value

    @field_validator("ended")
    @classmethod
    def _has_ended_already(cls, value: date | None) -> date | None:
        if value and value >= date.today():
            raise ValueError(f"{value} is not over yet: give the day once nothing more will come")
        return value

    @model_validator(mode="after")
    def _ends_after_it_is_complete(self) -> EventSource:
        if self.ended and self.complete_through and self.complete_through > self.ended:
            raise ValueError(
                f"complete_through: {self.complete_through} lies after ended: {self.ended}"
            )
        return self

    @model_validator(mode="after")
    def _mapping_is_complete(self) -> EventSource:
        if self.format == "custom":
            user = "anonymous_id" if "anonymous_id" in self.columns else "user_id"
            self._check_mapping(True, MAPPED_COLUMNS, (user, "event_time", "event_name"))
            if self.export_timezone:
                raise ValueError(
                    "export_timezone goes with a vendor's format; here it is called time_zone"
                )
            _check_local(self.time_zone, self.columns, ("event_time",))
            return self
        if self.reader:
            raise ValueError(f"reader goes with format: custom; {self.format} has its own")
        for column in self.columns:
            _check_canonical(column, MAPPED_COLUMNS)
        form = EVENT_FORMATS[self.format]
        if self.time_zone:
            raise ValueError(
                "time_zone goes with format: custom; a vendor's format has export_timezone, where "
                "its exports leave the zone out"
            )
        if self.export_timezone and not form.takes_timezone:
            raise ValueError(f"export_timezone: {self.format} exports say their zone themselves")
        if self.identity == "merged" and not form.merges:
            raise ValueError(f"identity: {self.format} exports do not say which users are one")
        return self

    @property
    def replaces_same_path(self) -> bool:
        """Whether a newer file at a path replaces the older one's events."""
        if self.replaces is None and self.format != "custom":
            return EVENT_FORMATS[self.format].replaces_same_path
        return self.replaces == "same_path"


class ChartFiles(FileSource):
    """Chart captures in files.

    ``{storefront}``, ``{chart}`` and ``{genre}`` in ``uri`` stand for what a path says of its
    chart; a file whose content says otherwise is refused.
    """

    kind: ClassVar[str] = "ranks"

    format: Literal["apple_rss", "itunes_rss", "custom"]
    numbers: Numbers = Numbers()
    time_zone: Zone | None = None

    @model_validator(mode="after")
    def _mapping_is_complete(self) -> ChartFiles:
        required = ("store", "storefront", "chart", "snapshot_at", "rank", "store_app_id")
        self._check_mapping(self.format == "custom", CHART_COLUMNS, required)
        if self.time_zone and self.format != "custom":
            raise ValueError(f"time_zone goes with format: custom; {self.format} says its zone")
        _check_local(self.time_zone, self.columns, ("snapshot_at", "feed_updated_at"))
        return self


class InstallFiles(FileSource):
    """A store's reports of downloads and installs in files; apps are told by their store ids.

    Of two reports of a day the newer one holds: by the report's own date (``reported_on``), by the
    day in the file's name, or, where there is neither, by ``newest_by``: what landed last, or whose
    file was modified last.
    """

    kind: ClassVar[str] = "installs"

    numbers: Numbers = Numbers()
    newest_by: Literal["landed", "modified"] = "landed"

    @model_validator(mode="after")
    def _mapping_is_complete(self) -> InstallFiles:
        _check_format(self.format, INSTALL_FORMATS)
        required = ("store", "store_app_id", "install_date")
        self._check_mapping(self.format == "custom", INSTALL_COLUMNS, required)
        if self.format == "custom" and not set(self.columns).intersection(INSTALL_COUNTS):
            raise ValueError(f"columns lacks a count: one of {', '.join(INSTALL_COUNTS)}")
        return self


class ReviewFiles(FileSource):
    """Reviews that users wrote in a store, in files."""

    kind: ClassVar[str] = "reviews"

    numbers: Numbers = Numbers()
    time_zone: Zone | None = None

    @model_validator(mode="after")
    def _mapping_is_complete(self) -> ReviewFiles:
        _check_format(self.format, REVIEW_FORMATS)
        required = ("store", "store_app_id", "review_id", "rating", "reviewed_at")
        self._check_mapping(self.format == "custom", REVIEW_COLUMNS, required)
        if self.time_zone and self.format != "custom":
            raise ValueError(f"time_zone goes with format: custom; {self.format} says its zone")
        _check_local(self.time_zone, self.columns, ("reviewed_at",))
        return self


class ChartFeed(_Strict):
    """A live feed: every storefront times every chart is fetched at each run."""

    kind: ClassVar[str] = "ranks"

    name: Name
    stale_after_hours: float | None = Field(24, gt=0, exclude=True)  # defines no number
    feed: Literal["apple_rss"]
    storefronts: tuple[Annotated[str, Field(pattern="^[a-z]{2}$")], ...] = Field(min_length=1)
    charts: tuple[Literal["top-free", "top-paid"], ...] = Field(min_length=1)
    limit: int = Field(100, ge=1, le=100)


def _check_local(zone: str | None, columns: dict[str, str], moments: Iterable[str]) -> None:
    """Refuse a zone for times of which their SQL makes UTC: they would be moved twice."""
    for moment in moments:
        if zone not in (None, "UTC") and gives_utc(columns.get(moment, "")):
            raise ValueError(
                f"time_zone: columns.{moment} gives UTC already ({columns[moment]}): take one of "
                "the two out"
            )


def _check_format(format: str, formats: Iterable[str]) -> None:
    known = ("custom", *formats)
    if format not in known:
        raise ValueError(f"format: {format!r} is not one of them{_did_you_mean(format, known)}")


def _check_canonical(column: str, known: Iterable[str]) -> None:
    if column not in known:
        raise ValueError(
            f"columns.{column} is not a canonical column{_did_you_mean(column, known)}"
        )


def _first_before_last(bracket: tuple[int, int]) -> tuple[int, int]:
    first, last = bracket
    if not 0 <= first <= last:
        raise ValueError(f"[{first}, {last}] is no bracket: give [first, last], 0 or more")
    return bracket


def _feed_or_files(entry: Any) -> str:
    """Pick the model by the key that is there, so that errors speak of the one that was meant."""
    is_feed = "feed" in entry if isinstance(entry, dict) else isinstance(entry, ChartFeed)
    return "feed" if is_feed else "files"


RankSource = Annotated[
    Annotated[ChartFiles, Tag("files")] | Annotated[ChartFeed, Tag("feed")],
    Discriminator(_feed_or_files),
]


AnyFiles = EventSource | ChartFiles | InstallFiles | ReviewFiles
"""A source whose extracts are files or objects."""

AnySource = AnyFiles | ChartFeed


Bracket = Annotated[tuple[int, int], AfterValidator(_first_before_last)]


class Brackets(_Strict):
    """The brackets [first, last] in which bracket retention is counted, in days, weeks, months."""

    day: tuple[Bracket, ...] = ((1, 3), (4, 7), (8, 14), (15, 30), (31, 60), (61, 90))
    week: tuple[Bracket, ...] = ((1, 4), (5, 8), (9, 12))
    month: tuple[Bracket, ...] = ((1, 3), (4, 6), (7, 12))

    @field_validator("day", "week", "month")
    @classmethod
    def _are_distinct(cls, value: tuple[Bracket, ...]) -> tuple[Bracket, ...]:
        starts = Counter(first for first, _ in value)
        if repeated := [first for first, times in starts.items() if times > 1]:
            raise ValueError(f"two brackets begin at {repeated[0]}")
        return value


class Sources(_Strict):
    """The whole sources file. ``timezone`` is the IANA zone in which calendar days are counted.

    ``week_start`` is the weekday with which weeks begin, ``segments`` are those columns of the
    cohort's start by which the triangles are broken down; the others are pooled. ``verdict`` holds
    the thresholds of sticks, spike and leaky. ``raw_retention_days`` lets `afterhype compact` prune
    raw events older than so many days before their app's watermark; by default all are kept.
    ``behaviour_cohort_days`` is how many days of cohorts retention by behaviour is counted of.
    ``launch_notes`` are read from a file of their own, whose path the sources file gives.
    ``publish.to`` names where publications are delivered to, ``land`` where the raw events are
    kept; they define no number.
    """

    timezone: Zone = "UTC"
    week_start: Weekday = "monday"
    horizon_days: int = Field(90, ge=1, le=730)
    late_data_allowance_days: int = Field(0, ge=0, le=60)
    segments: tuple[Literal["platform", "country", "channel", "app_version"], ...] = (
        "platform",
        "country",
        "channel",
    )
    brackets: Brackets = Brackets()
    verdict: VerdictRules = VerdictRules()
    raw_retention_days: int | None = Field(None, ge=1)
    behaviour_cohort_days: int = Field(90, ge=1, le=730)
    launch_notes: tuple[LaunchNote, ...] = ()
    land: Land = Land()
    publish: PublishTo = PublishTo()
    apps: tuple[App, ...] = ()
    events: tuple[EventSource, ...] = ()
    ranks: tuple[RankSource, ...] = ()
    installs: tuple[InstallFiles, ...] = ()
    reviews: tuple[ReviewFiles, ...] = ()

    @property
    def all(self) -> tuple[AnySource, ...]:
        """Every source, in the order in which a run lands them."""
        return (*self.events, *self.ranks, *self.installs, *self.reviews)

    @model_validator(mode="after")
    def _names_agree(self) -> Sources:
        names = [source.name for source in self.all]
        for what, values in (("app_id", [a.app_id for a in self.apps]), ("source name", names)):
            if repeated := [v for v, n in Counter(values).items() if n > 1]:
                raise ValueError(f"{what} {repeated[0]!r} is given twice")
        known = [app.app_id for app in self.apps]
        for position, source in enumerate(self.events):
            if source.app_id not in known:
                raise ValueError(
                    f"events[{position}].app_id {source.app_id!r} is not among apps"
                    + _did_you_mean(source.app_id, known)
                )
        return self


def load_sources(path: Path) -> Sources:
    """Read and validate a sources file, and the launch notes that it names.

    Raises ConfigurationError naming the file, each offending key and the reason.
    """
    document = _read_yaml(
        path,
        missing="no such sources file. Pass --sources PATH, or copy "
        "profiles/sources/files.example.yml and edit it.",
    )
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: the top level must be a mapping with apps: and events:")
    notes_file = document.pop("launch_notes", None)
    if not isinstance(notes_file, str | None):
        raise ConfigurationError(
            f"{path}: launch_notes: give the path of a file of notes, such as launch_notes.yml"
        )
    try:
        sources = Sources.model_validate(document)
    except ValidationError as error:
        raise _all_problems(path, error) from None
    if notes_file is None:
        return sources
    notes = _load_launch_notes(path, notes_file, [app.app_id for app in sources.apps])
    return sources.model_copy(update={"launch_notes": notes})


def _load_launch_notes(
    sources_file: Path, notes_file: str, app_ids: list[str]
) -> tuple[LaunchNote, ...]:
    path = sources_file.parent / notes_file
    document = _read_yaml(
        path, missing=f"no such file; launch_notes in {sources_file} names it, relative to itself."
    )
    if not isinstance(document, list | None):
        raise ConfigurationError(f"{path}: the top level must be a list of notes")
    try:
        notes = TypeAdapter(tuple[LaunchNote, ...]).validate_python(document or ())
    except ValidationError as error:
        raise _all_problems(path, error) from None
    for position, note in enumerate(notes):
        if note.app_id not in app_ids:
            raise ConfigurationError(
                f"{path}: [{position}].app_id: {note.app_id!r} is not among the apps of "
                f"{sources_file}{_did_you_mean(note.app_id, app_ids)}"
            )
        if note in notes[:position]:
            raise ConfigurationError(f"{path}: [{position}]: this note is given twice")
    return notes


def _read_yaml(path: Path, missing: str) -> Any:
    try:
        return load_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: {missing}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: not valid YAML: {error}") from error


def _all_problems(path: Path, error: ValidationError) -> ConfigurationError:
    return ConfigurationError(
        "\n".join(f"{path}: {_explain(problem)}" for problem in error.errors())
    )


def _explain(problem: Any) -> str:
    location = problem["loc"]
    if location[:1] == ("ranks",):
        location = location[:2] + location[3:]  # the third part is the tag of the chosen model
    if location[:2] == ("publish", "to"):
        location = location[:3] + location[4:]  # the fourth, here
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    reason = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        reason = f"unknown key{_did_you_mean(str(location[-1]), _keys_at(problem['loc']))}"
    elif problem["type"] == "missing":
        reason = "missing"
    return f"{key}: {reason}" if key else reason


def _keys_at(location: tuple[str | int, ...]) -> list[str]:
    models: dict[str | int, type[BaseModel]] = {
        "apps": App,
        "events": EventSource,
        "ranks": ChartFiles,
        "installs": InstallFiles,
        "reviews": ReviewFiles,
        "reader": Reader,
        "storage": Storage,
        "rejects": RejectShares,
        "no_ids": NoIds,
        "numbers": Numbers,
        "brackets": Brackets,
        "verdict": VerdictRules,
        "land": Land,
        "publish": PublishTo,
        "postgres": PostgresTarget,
        "s3": BucketTarget,
    }
    if isinstance(location[0], int):
        return list(LaunchNote.model_fields)  # the one file whose top level is a list
    if location[2:3] == ("feed",):
        return list(ChartFeed.model_fields)
    parents = [part for part in location[:-1] if part in models]
    fields = (models[parents[-1]] if parents else Sources).model_fields
    return [field.alias or name for name, field in fields.items()]


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    known = list(known)
    if close := difflib.get_close_matches(word, known, n=1):
        return f" (did you mean {close[0]}?)"
    return f" (known: {', '.join(known)})" if known else ""
