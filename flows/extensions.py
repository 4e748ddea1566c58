"""Load DuckDB's extensions from installed wheels: a run downloads nothing."""

from __future__ import annotations

from importlib import resources

import duckdb

from flows.errors import ConfigurationError


def load_extension(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load an extension such as httpfs. Raises ConfigurationError when its wheel is missing."""
    version = duckdb.__version__
    try:
        package = resources.files(f"duckdb_extension_{name}")
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"DuckDB's extension {name} is not installed. "
            f"Run: pip install duckdb-extension-{name}=={version}"
        ) from None
    file = package / "extensions" / f"v{version}" / f"{name}.duckdb_extension"
    try:
        con.execute(f"load '{file}'")
    except duckdb.Error as error:
        raise ConfigurationError(
            f"DuckDB's extension {name} cannot be loaded: {str(error).splitlines()[0]} "
            f"Run: pip install duckdb-extension-{name}=={version}"
        ) from error
