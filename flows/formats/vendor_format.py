"""What a vendor's format is made of: a declaration in SQL, one module per vendor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FileType = Literal["csv", "ndjson", "parquet", "json"]


@dataclass(frozen=True, kw_only=True)
class VendorFormat:
    """A vendor's export as SQL over its own columns, all of which are text.

    Nested values are their JSON text, so that ``device->>'$.operating_system'`` holds for NDJSON
    and Parquet alike. A column that an extract lacks is null; one of ``required`` that it lacks
    makes it an extract of another format.

    ``columns`` maps canonical columns to expressions. ``types`` are the kinds of file in which the
    vendor delivers. For text files without a header ``names`` are the columns in order; in a JSON
    document ``records`` is the path of the rows. A file with one of the columns ``breakdowns``
    counts by something that nobody maps, so that its rows would pass for totals: it is refused.
    ``marks`` are columns that together tell this format from all others, for `afterhype inspect`.
    """

    name: str
    title: str
    types: tuple[FileType, ...]
    columns: Mapping[str, str]
    required: frozenset[str]
    marks: frozenset[str]
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    names: tuple[str, ...] = ()
    records: str | None = None
    breakdowns: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class EventFormat(VendorFormat):
    """An export of events.

    A row's user is ``user_id``, else ``anonymous_id``; where both are there, the row tells that the
    two are one user, which the setting ``identity: merged`` heeds as ``merges`` says: to the
    ``first`` known user that an anonymous id was seen with, or to the ``last`` (where a vendor
    merges known users as well). Each part of a ``coalesce`` in the two is an id of its own: where
    one is a word that is no id (see formats.no_ids), the next one counts. ``id_prefix`` is what the
    vendor puts before the ids of devices. ``{timezone}`` in an expression stands for the source's
    ``export_timezone`` as an SQL text.

    ``event_id`` holds all by which the vendor itself takes two rows for one event.
    ``former_event_id`` is what events were told apart by in warehouses from before that: such an
    event is recognised when it is delivered again; ``former_user_id`` is the user whose it was then
    where that is not the one of today. Without ``event_id``, rows of one device (or user), name and
    time are as many events as there are in an extract; of those with the same ``content_order``
    there is one.

    ``link`` is what a row itself says of whose ids are one user's, beside the pair of its own two:
    a struct of ``ids``, the id ``of_id`` that they belong to and the ``rule`` by which they do (see
    land.links), or null where it says nothing. ``no_links`` are words through which the vendor
    links nobody, beside those that are no ids.
    """

    merges: Literal["first", "last"] | None = None
    takes_timezone: bool = False
    id_prefix: str = ""
    former_event_id: str | None = None
    former_user_id: str | None = None
    content_order: str | None = None
    link: str | None = None
    no_links: tuple[str, ...] = ()
    replaces_same_path: bool = False
    """A newer file at the same path replaces the older one's events."""
    tables: re.Pattern[str] | None = None
    """What the path of an extract says of its table: ``stage``, one of ``stages``, and ``day``."""
    stages: tuple[str, ...] = ()
    """What a table of a day may be, from the one that gives way to all others to the final one."""
