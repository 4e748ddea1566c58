r"""Mend lines of JSON that a strict reader refuses as a whole for a trifle.

Half of a surrogate pair (\ud83d alone) becomes the text that it is written as, a raw control
character its escape, and objects that share a line become lines of their own.
"""

from __future__ import annotations

import duckdb

from flows.extract.unpack import PART_BITS
from flows.formats.lines import LINE_NUMBER
from flows.sql import text_in_sql

# characters of the private use area hold a place while others are replaced
_BACKSLASH, _PAIR, _SEAM = "\ue001", "\ue002", "\ue003"


def mend_lines(con: duckdb.DuckDBPyConnection, bad: str, mended: str) -> bool:
    """Move what can be mended from the table ``bad`` (line_number, line) to ``mended``.

    Of several objects on one line the first keeps its number; the others count on behind the last
    line of the file, which is the largest number in extract_lines or in ``bad``. Whether there are
    any.
    """
    con.execute(
        f"""
        create or replace temp table {mended}_pieces as
        with

        mended as (
            select line_number, {mended_json("trim(line, ' ' || chr(13) || chr(65279))")} as line
            from {bad}
            where trim(line, ' ' || chr(9) || chr(13) || chr(65279)) <> ''
        ),

        split as (
            select line_number, string_split({_with_seams("line")}, '{_SEAM}') as pieces
            from mended
        )

        select
            line_number,
            unnest(pieces) as line,
            generate_subscripts(pieces, 1) as place,
            -- one that begins with a whole object is a row of objects; else the braces mean nothing
            json_valid(pieces[1]) and starts_with(pieces[1], '{{') as begins_well,
        from split
        """
    )
    con.execute(
        f"""
        create or replace temp table {mended} as
        with

        lines as (
            select line_number >> {PART_BITS} as part, max(line_number) as last_line
            from (
                select {LINE_NUMBER} as line_number from extract_lines
                union all
                select line_number from {bad}
            )
            group by all
        ),

        good as (
            select * from {mended}_pieces
            where begins_well and json_valid(line) and starts_with(line, '{{')
        )

        select
            if(
                place = 1,
                line_number,
                last_line + count(*) filter (where place > 1) over (
                    partition by part order by line_number, place
                )
            ) as {LINE_NUMBER},
            line,
        from good
        inner join lines on good.line_number >> {PART_BITS} = lines.part
        """
    )
    con.execute(
        f"""
        create or replace temp table {bad} as
        select line_number, line
        from {bad}
        where line_number not in (select line_number from {mended}_pieces where begins_well)
        union all
        select line_number, line
        from {mended}_pieces
        where begins_well and not (json_valid(line) and starts_with(line, '{{'))
        """
    )
    con.execute(f"drop table {mended}_pieces")
    return con.execute(f"select 1 from {mended} limit 1").fetchone() is not None


def mended_json(text: str) -> str:
    """SQL for JSON text without lone surrogates and raw control characters.

    A tab is one only where the text is not valid without: between values it is a blank.
    """
    mended = _without_control_characters(_without_lone_surrogates(text))
    tabs = f"replace({mended}, chr(9), {text_in_sql(chr(92) + 't')})"
    return f"case when json_valid({mended}) then {mended} else {tabs} end"


def _without_lone_surrogates(text: str) -> str:
    r"""SQL that writes \ud83d without its other half as the six characters that it is."""
    escaped = f"replace({text}, {text_in_sql(chr(92) * 2)}, '{_BACKSLASH}')"
    paired = rf"regexp_replace({escaped}, '\\u([dD][89abAB][0-9a-fA-F]{{2}})"
    paired += rf"\\u([dD][c-fC-F][0-9a-fA-F]{{2}})', '{_PAIR}\1{_PAIR}\2', 'g')"
    lone = rf"regexp_replace({paired}, '\\u([dD][89a-fA-F][0-9a-fA-F]{{2}})', '\\\\u\1', 'g')"
    restored = f"replace({lone}, '{_PAIR}', {text_in_sql(chr(92) + 'u')})"
    return f"replace({restored}, '{_BACKSLASH}', {text_in_sql(chr(92) * 2)})"


def _without_control_characters(text: str) -> str:
    r"""SQL that writes a raw control character within a string as its escape, \u0001 say."""
    for code in (*range(1, 9), 11, 12, *range(14, 32)):
        text = f"replace({text}, chr({code}), {text_in_sql(f'{chr(92)}u{code:04x}')})"
    return f"replace({text}, chr(0), {text_in_sql(chr(92) + 'u0000')})"


def _with_seams(text: str) -> str:
    """SQL that marks where one object ends and the next begins on the same line."""
    return rf"""regexp_replace({text}, '\}}\s*\{{(\s*["}}])', '}}{_SEAM}{{\1', 'g')"""
