"""The errors that afterhype raises on purpose, one class per exit code of the command line."""

from __future__ import annotations

from collections.abc import Mapping


class AfterhypeError(Exception):
    """Something went wrong that the message explains, with what to do next. Exit code 1."""

    exit_code = 1


class ConfigurationError(AfterhypeError):
    """The sources file or a setting is wrong; the message names file and key. Exit code 2."""

    exit_code = 2


class ExtractError(AfterhypeError):
    """One extract cannot be read at all. The message names it; the other extracts still land."""


class BrokenExtracts(ExtractError):
    """Some of the extracts that were to land together cannot be read; the others still can.

    ``reasons`` has a message for each that cannot, by extract id.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__("; ".join(reasons.values()))
        self.reasons = reasons


class TransformError(AfterhypeError):
    """A dbt model or data test failed; nothing was published."""


class GateStopped(AfterhypeError):
    """A critical check failed. The last publication stays as it was. Exit code 3."""

    exit_code = 3


class DeliveryError(AfterhypeError):
    """A target did not take the publication. It keeps what it had; the next run tries again."""


class TargetUnreachable(DeliveryError):
    """The network, or the target's server, is down: worth another try in a moment."""


class TimeLimitExceeded(AfterhypeError, TimeoutError):
    """A run took longer than it may. Prefect shows it as TimedOut; nothing of it writes on."""


class MartsDiffer(AfterhypeError):
    """A cell of the marts is not what a rebuild gives; the message names it."""
