"""The one Great Expectations class behind every check: a query that must return no row.

Importing this module imports Great Expectations, which takes seconds: import it where it is used.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.core import UnexpectedRowsExpectation
from great_expectations.render import (
    LegacyDiagnosticRendererType,
    LegacyRendererType,
    RenderedStringTemplateContent,
    RenderedTableContent,
)
from great_expectations.render.renderer.renderer import renderer

from expectations.checks import Check

ROWS_SHOWN = 5
"""How many offending rows a page and a report show."""


_COUNTED = "violations_in_all"


class ExpectNoViolations(UnexpectedRowsExpectation):  # type: ignore[misc]
    """A query for violations, which Data Docs show in words, with the first rows it returned.

    Each row says how many there are, so that the query runs once: Great Expectations' own runs it
    for the first rows, and again to count them.
    """

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    @classmethod
    def of(cls, check: Check, position: int) -> ExpectNoViolations:
        """The expectation of a check; ``position`` finds the check again from a result."""
        meta = {
            "expectation": check.expectation,
            "meaning": check.meaning,
            "position": position,
            "query": check.violations,
        }
        query = (
            f"select violations.*, count(*) over () as {_COUNTED} "
            f"from ({check.violations}) as violations"
        )
        return cls(unexpected_rows_query=query, severity=check.severity, meta=meta)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        rows = metrics["unexpected_rows_query.table"]
        violations = [{name: row[name] for name in row if name != _COUNTED} for row in rows]
        return {
            "success": not rows,
            "result": {
                "observed_value": rows[0][_COUNTED] if rows else 0,
                "details": {"unexpected_rows": violations},
            },
        }

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)  # type: ignore[untyped-decorator]
    def _prescriptive_renderer(
        cls, configuration: Any = None, **_: Any
    ) -> list[RenderedStringTemplateContent]:
        parts = {
            "expectation": configuration.meta["expectation"],
            "severity": str(getattr(configuration.severity, "value", configuration.severity)),
            "meaning": configuration.meta["meaning"],
            "query": " ".join(configuration.meta["query"].split()),
        }
        return [
            RenderedStringTemplateContent(
                content_block_type="string_template",
                string_template={
                    "template": "$expectation $severity $meaning $query",
                    "params": parts,
                    "tag": "div",
                    "styling": {
                        "classes": ["check"],
                        "params": {
                            "expectation": {"tag": "strong"},
                            "severity": {"classes": ["severity", parts["severity"]]},
                            "meaning": {"tag": "p"},
                            "query": {"tag": "code"},
                        },
                    },
                },
            )
        ]

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)  # type: ignore[untyped-decorator]
    def _diagnostic_observed_value_renderer(cls, result: Any = None, **_: Any) -> str:
        count = result.result.get("observed_value")
        if count is None:
            return "could not be checked"
        return "no violation" if count == 0 else f"{count:,} violation{'s' if count > 1 else ''}"

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_TABLE)  # type: ignore[untyped-decorator]
    def _diagnostic_unexpected_table_renderer(
        cls, result: Any = None, **_: Any
    ) -> list[RenderedTableContent] | None:
        rows = result.result.get("details", {}).get("unexpected_rows", [])[:ROWS_SHOWN]
        if not rows:
            return None
        return [
            RenderedTableContent(
                content_block_type="table",
                header_row=list(rows[0]),
                table=[[_escaped(value) for value in row.values()] for row in rows],
                styling={"body": {"classes": ["violations"]}},
            )
        ]


def _escaped(value: object) -> RenderedStringTemplateContent:
    """A cell: only parameters of a template are escaped, and data may hold markup."""
    return RenderedStringTemplateContent(
        content_block_type="string_template",
        string_template={
            "template": "$value",
            "params": {"value": "" if value is None else str(value)},
        },
    )
