"""Assert that cubes are equal cell by cell; not measured. Usage: ``... CUBE.csv CUBE.csv ...``."""

from __future__ import annotations

import sys

import duckdb

from bench.measured.clock import tell


def main() -> None:
    first, *others = sys.argv[1:]
    with duckdb.connect() as con:
        row = con.execute(f"select count(*), sum(users) from ({_cube(first)})").fetchall()[0]
        if not row[0]:
            raise SystemExit(f"{first}: the cube is empty")
        for other in others:
            ours, theirs = _cube(first), _cube(other)
            differing = con.execute(
                f"select count(*) from ((({ours}) except all ({theirs})) "
                f"union all (({theirs}) except all ({ours})))"
            ).fetchall()[0][0]
            if differing:
                raise SystemExit(f"{other}: {differing} cells differ from {first}")
    tell(cells=row[0], users=int(row[1]))


def _cube(path: str) -> str:
    columns = "{'cohort_date': 'date', 'day_n': 'bigint', 'users': 'bigint'}"
    return f"select * from read_csv('{path}', header = true, columns = {columns})"


if __name__ == "__main__":
    main()
