"""Take a CSV file apart line by line, where its quotes do not let DuckDB do it.

A quote that is not closed swallows all lines up to the next quote, or up to the end of the file.
Here every line is one row unless a quoted value with line breaks begins in it, so that one bad row
costs one row.
"""

from __future__ import annotations

import duckdb

from flows.formats.lines import LINE_NUMBER, MAX_LINE_BYTES
from flows.sql import text_in_sql

LINES = "extract_csv_lines"
"""Temporary table of the file's lines: LINE_NUMBER, line."""

RECORDS = "extract_csv_records"
"""Temporary table: ordinal (from 1, in the order of the file), line_number, text of each row."""

UNCLOSED = "extract_unclosed"
"""Temporary table of the lines in which a quote opens that nothing closes: line_number, line."""

_MARK = "\ue000"
"""Takes the place of a quoted value while the rest of its line is looked at."""

_NO_QUOTE = "\ue004"
"""The quote of a text that has none."""

_SAMPLE = 10_000
_MOST = 0.8


def take_apart(
    con: duckdb.DuckDBPyConnection, delimiter: str, quote: str, columns: int, line_end: str
) -> bool:
    """Write RECORDS and UNCLOSED out of LINES; whether a backslash escapes the file's quotes.

    Where it does, they are doubled in RECORDS. The lines of a quoted value with line breaks are one
    row where together they are a row of so many ``columns``, and the lines within do not look like
    rows themselves. LINES, without the header's, is used up.
    """
    con.execute(f"alter table {LINES} rename column {LINE_NUMBER} to line_number")
    con.execute(f"update {LINES} set line = '' where line is null")
    quote = quote or _NO_QUOTE
    grammar = _Grammar(delimiter, quote, columns)
    off = _make_records(con, grammar, line_end)
    escapes = off > 0 and _has_escapes(con, quote)
    if escapes:
        for table in (RECORDS, UNCLOSED):
            con.execute(f"create or replace temp table {table}_as_written as from {table}")
        con.execute(f"update {LINES} set line = {_doubled('line', quote)}")
        escapes = _make_records(con, grammar, line_end) < off
        for table in (RECORDS, UNCLOSED):
            if not escapes:
                con.execute(f"create or replace temp table {table} as from {table}_as_written")
            con.execute(f"drop table {table}_as_written")
    con.execute(f"drop table {LINES}")
    return escapes


def _make_records(con: duckdb.DuckDBPyConnection, grammar: _Grammar, line_end: str) -> int:
    """Write RECORDS and UNCLOSED; how many rows have quotes out of place."""
    quote = grammar.quote
    _join_lines(con, grammar, line_end)
    con.execute(
        f"""
        create or replace temp table extract_single_lines as
        select lines.*
        from {LINES} as lines
        asof left join extract_spans as spans on lines.line_number >= spans.line_number
        where
            (spans.last_line is null or lines.line_number > spans.last_line)
            and trim(line) <> ''
        """
    )
    con.execute(
        f"""
        create or replace temp table {UNCLOSED} as
        select line_number, line
        from extract_single_lines
        where contains(line, {text_in_sql(quote)}) and {grammar.opens("line")}
        """
    )
    con.execute(
        f"""
        create or replace temp table {RECORDS} as
        select row_number() over (order by line_number) as ordinal, line_number, text
        from (
            select line_number, line as text
            from extract_single_lines
            anti join {UNCLOSED} using (line_number)
            union all
            select line_number, text from extract_spans
        )
        """
    )
    con.execute("drop table extract_single_lines")
    con.execute("drop table extract_spans")
    row = con.execute(
        f"""
        select
            count(*) filter (contains(text, {text_in_sql(quote)}) and {grammar.is_off("text")})
            + (select count(*) from {UNCLOSED})
        from {RECORDS}
        """
    ).fetchone()
    return int(row[0]) if row else 0


class _Grammar:
    """SQL for what the quotes of a text mean."""

    def __init__(self, delimiter: str, quote: str, columns: int) -> None:
        self.delimiter = delimiter
        self.quote = quote
        self.columns = columns
        self._start = f"(^|{_in_pattern(delimiter)})"

    def rest(self, text: str) -> str:
        """The text with a mark in the place of each quoted value."""
        q = _in_pattern(self.quote)
        pattern = f"{self._start}{q}(?:[^{q}]|{q}{q})*{q}"
        return (
            f"regexp_replace({text}, {text_in_sql(pattern)}, "
            f"{text_in_sql(chr(92) + '1' + _MARK)}, 'g')"
        )

    def opens(self, text: str) -> str:
        """Whether a quoted value begins that does not end."""
        # a quote after a mark: the value's own quotes, doubled, were taken for its end
        pattern = f"{self._start}{_in_pattern(self.quote)}|{_MARK}{_in_pattern(self.quote)}"
        return f"regexp_matches({self.rest(text)}, {text_in_sql(pattern)})"

    def odd(self, text: str) -> str:
        """Whether the number of quotes is odd."""
        removed = f"replace({text}, {text_in_sql(self.quote)}, '')"
        return f"(length({text}) - length({removed})) % 2 = 1"

    def is_off(self, text: str) -> str:
        """Whether something else than a delimiter follows on a quoted value, or it does not end."""
        after = f"{_MARK}[^{_in_pattern(self.delimiter[0])}]"
        return (
            f"({self.odd(text)} or {self.opens(text)} "
            f"or regexp_matches({self.rest(text)}, {text_in_sql(after)}))"
        )

    def is_row(self, text: str) -> str:
        """Whether a text with line breaks is one row, every quote in its place."""
        rest = self.rest(text)
        return (
            f"not {self.is_off(text)} and not contains({rest}, {text_in_sql(self.quote)}) "
            f"and not contains({rest}, chr(10)) and ({self.fields(rest)} = {self.columns} "
            # DuckDB lets rows end with one delimiter more
            f"or {self.fields(rest)} = {self.columns + 1} "
            f"and ends_with({rest}, {text_in_sql(self.delimiter)}))"
        )

    def fields(self, text: str) -> str:
        """How many values a text without quotes has."""
        removed = f"replace({text}, {text_in_sql(self.delimiter)}, '')"
        return f"1 + (length({text}) - length({removed})) // {len(self.delimiter)}"


def _has_escapes(con: duckdb.DuckDBPyConnection, quote: str) -> bool:
    """Whether a quote follows on a backslash anywhere."""
    escaped = text_in_sql("\\" + quote)
    found = con.execute(f"select 1 from {LINES} where contains(line, {escaped}) limit 1")
    return found.fetchone() is not None


def _doubled(text: str, quote: str) -> str:
    r"""SQL for a text in which \" has become "", and \\ a single backslash."""
    held = text_in_sql(_MARK)
    pairs = f"replace({text}, {text_in_sql(chr(92) * 2)}, {held})"
    quotes = f"replace({pairs}, {text_in_sql(chr(92) + quote)}, {text_in_sql(quote * 2)})"
    return f"replace({quotes}, {held}, {text_in_sql(chr(92))})"


def _join_lines(con: duckdb.DuckDBPyConnection, grammar: _Grammar, line_end: str) -> None:
    """Write extract_spans: line_number, last_line, text of each row of several lines.

    A value that is open may end where the next quote without a partner is. Of candidates that share
    a line the first counts, and then the next but one.
    """
    quote, end = text_in_sql(grammar.quote), text_in_sql(line_end)
    con.execute(
        f"""
        create or replace temp table extract_spans as
        with

        marked as (
            select
                line_number,
                line,
                contains(line, {quote}) and ({grammar.odd("line")} or {grammar.opens("line")})
                    as is_edge,
                contains(line, {quote}) and {grammar.opens("line")} as is_open,
            from {LINES}
        ),

        grouped as (
            select
                *,
                max(case when is_edge then line_number end) over (
                    order by line_number rows unbounded preceding
                ) as edge,
            from marked
        ),

        edges as (
            select
                line_number,
                line,
                is_open,
                lead(line_number) over (order by line_number) as last_line,
                lead(line) over (order by line_number) as last_text,
            from marked
            where is_edge
        ),

        sizes as (
            select edge, sum(length(line)) as size from grouped group by edge
        ),

        inner_lines as (
            select
                grouped.edge,
                string_agg(grouped.line, {end} order by grouped.line_number) as text,
            from grouped
            inner join sizes using (edge)
            inner join edges on grouped.edge = edges.line_number
            where edges.is_open and size < {MAX_LINE_BYTES}
            group by grouped.edge
        )

        select
            edges.line_number,
            edges.last_line,
            inner_lines.text || {end} || edges.last_text as text,
            row_number() over (order by edges.line_number) as place,
        from edges
        -- all edges, those that are no beginning too: two candidates share a line only side by side
        left join inner_lines on edges.line_number = inner_lines.edge
        """
    )
    _drop_lookalikes(con, grammar)
    con.execute(
        f"""
        create or replace temp table extract_spans as
        with

        candidates as (
            select * from extract_spans where text is not null and {grammar.is_row("text")}
        ),

        runs as (
            select *, place - row_number() over (order by place) as run from candidates
        ),

        chosen as (
            select *, row_number() over (partition by run order by place) as place_in_run
            from runs
        )

        select line_number, last_line, text from chosen where place_in_run % 2 = 1
        """
    )


def _drop_lookalikes(con: duckdb.DuckDBPyConnection, grammar: _Grammar) -> None:
    """Drop the candidates within which lines look like rows: an open quote has swallowed them.

    A line looks like a row where it has as many values, and one of them the shape (digits as 9)
    that nearly all rows have in that column. Where no column has a shape, all lines between the
    first and the last must have as many values.
    """
    delimiter, quote = text_in_sql(grammar.delimiter), text_in_sql(grammar.quote)
    columns = grammar.columns
    con.execute(
        f"""
        create or replace temp table extract_shapes as
        with

        sampled as (
            select line
            from {LINES}
            where not contains(line, {quote}) and {grammar.fields("line")} = {columns}
            limit {_SAMPLE}
        ),

        shapes as (
            select
                unnest(generate_series(1, {columns})) as position,
                {_shape(f"unnest(string_split(line, {delimiter}))")} as shape,
            from sampled
        ),

        counted as (
            select position, shape, count(*) / sum(count(*)) over (partition by position) as share
            from shapes
            group by position, shape
        )

        select position, shape from counted where share >= {_MOST} and contains(shape, '9')
        """
    )
    con.execute(
        f"""
        delete from extract_spans
        where line_number in (
            with

            candidates as (
                select * from extract_spans where text is not null
            ),

            within as (
                select lines.*, candidates.line_number as span, last_line
                from {LINES} as lines
                asof inner join candidates on lines.line_number >= candidates.line_number
                where lines.line_number < last_line
                union all
                select lines.*, candidates.line_number as span, last_line
                from {LINES} as lines
                inner join candidates on lines.line_number = last_line
            ),

            bare as (
                select
                    span,
                    line_number = span as is_first,
                    line_number = last_line as is_last,
                    replace(line, {quote}, '') as line,
                from within
            ),

            judged as (
                select
                    * exclude (line),
                    {grammar.fields("line")} = {columns} as is_wide,
                    is_wide and exists (
                        from extract_shapes as shapes
                        where
                            {_shape(f"string_split(bare.line, {delimiter})[shapes.position]")}
                            = shapes.shape
                    ) as is_like_a_row,
                from bare
            )

            select span
            from judged
            group by span
            having
                bool_or(is_like_a_row and not is_first and not is_last)
                or bool_and(is_like_a_row) filter (where is_first or is_last)
                or (
                    not exists (from extract_shapes)
                    and coalesce(
                        bool_and(is_wide) filter (where not is_first and not is_last), false
                    )
                )
        )
        """
    )
    con.execute("drop table extract_shapes")


def _shape(text: str) -> str:
    """SQL for a text in which every digit is a 9."""
    return f"regexp_replace({text}, '[0-9]', '9', 'g')"


def _in_pattern(text: str) -> str:
    """A text as a regular expression finds it."""
    return "".join(
        f"\\{sign}" if not sign.isalnum() and sign.isprintable() and sign != " " else sign
        for sign in text
    )
