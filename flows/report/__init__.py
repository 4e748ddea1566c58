"""The analyst's site: one self-contained page written from the published marts and nothing else."""

from flows.report.site import write_site

__all__ = ["write_site"]
