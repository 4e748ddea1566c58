"""Every vendor's event format by name."""

from __future__ import annotations

from flows.formats.event_format import EventFormat

EVENT_FORMATS: dict[str, EventFormat] = {}
