"""The thresholds of the verdict, with where they come from."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class VerdictRules(BaseModel):
    """What the words of the verdict take. Rates and shares are fractions.

    ``stay_rate`` of the users active on day ``stay_day``, and ``flat_ratio`` of those of half that
    day: the app sticks. ``burst_ratio``: new users per day rose or fell by so much within two
    weeks; ``burst_share`` of all users came in the best two weeks, or ``faded_share`` or less of
    the best week's new users still come: they came in a burst.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stay_rate: float = Field(0.10, gt=0, lt=1)
    stay_day: int = Field(60, ge=14, le=365)
    flat_ratio: float = Field(0.6, gt=0, lt=1)
    burst_ratio: float = Field(2.0, gt=1)
    burst_share: float = Field(0.5, gt=0, le=1)
    faded_share: float = Field(0.33, ge=0, le=1)
    min_users: int = Field(200, ge=1)
    min_confidence: float = Field(0.8, ge=0, le=1)
