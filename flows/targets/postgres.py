"""Write a published file into a PostgreSQL schema: one transaction, in which the schemas swap."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb

from flows.errors import ConfigurationError, DeliveryError, TargetUnreachable
from flows.extensions import load_extension
from flows.extract.credentials import block_of
from flows.marts import GRAIN
from flows.publish import WRITTEN_BESIDE
from flows.sources import PostgresTarget, Storage
from flows.sql import name_in_sql, text_in_sql

OURS = "Marts published by afterhype."
"""What the comment of a schema says that may be swapped."""

LONGEST_NAME = 63
"""Bytes; PostgreSQL cuts longer names off."""

LONGEST_INDEX_ROW = 2000
"""Bytes of text in a grain; PostgreSQL's trees refuse somewhat more."""

LOCK_TIMEOUT = "5s"
"""How long a delivery waits for a lock on something of somebody else, such as a view."""

READERS_WAITED_FOR = "500ms"
"""How long a swap waits for the readers of one table; below PostgreSQL's ``deadlock_timeout``."""

_OLD = "__replaced_"

_UNREACHABLE = re.compile(
    r"connection refused|could not connect|could not translate host name|timeout expired|timed out|"
    r"server closed the connection|could not (receive|send) data|no route to host|unreachable|"
    r"connection reset|terminating connection|connection to server was lost|SSL SYSCALL|"
    r"the database system is|too many (clients|connections)|remaining connection slots|"
    r"broken pipe|no connection to the server",
    re.IGNORECASE,
)


def deliver(
    target: PostgresTarget, marts: Path, publication_id: str, known: Collection[str]
) -> None:
    """Make the target's schema hold the tables of a published file, or leave it as it was.

    ``known`` are the publications of this home: a newer one that the target holds may be replaced
    by an older one only if it is among them, because then it was rolled back. Raises
    TargetUnreachable when the server cannot be reached or goes away, DeliveryError when it refuses,
    ConfigurationError when the target's credentials cannot be found.
    """
    with _connected(target, marts) as con:
        try:
            con.execute("begin")
            _Swap(con, target.schema_, publication_id).perform(known)
            con.execute("commit")
        except duckdb.Error as error:
            raise _explained(error) from None
        with suppress(duckdb.Error):  # it is delivered, whatever happens to the server now
            drop_replaced(con, target.schema_)


def drop_replaced(con: duckdb.DuckDBPyConnection, schema: str) -> None:
    """Drop the schemas that deliveries have replaced; one that is being read waits for the next.

    Its tables and nothing that others made of them: what depends on them keeps them alive.
    """
    pattern = text_in_sql(f"{schema}{_OLD}".replace("_", r"\_") + "%")
    rows = _ask(
        con,
        "select n.nspname::text as old, coalesce(string_agg(format('%I.%I', n.nspname, "
        "c.relname), ', '), '') as tables from pg_namespace n left join pg_class c on "
        f"c.relnamespace = n.oid and c.relkind = 'r' where n.nspname like {pattern} "
        f"and obj_description(n.oid, 'pg_namespace') like {text_in_sql(OURS + '%')} "
        "group by 1 order by 1",
    )
    for old, tables in rows:
        drop_tables = f"drop table {tables}; " if tables else ""
        try:
            con.execute("begin")
            # a reader of old tables is not waited for; nobody else looks for them any more
            _do(con, f"set local lock_timeout = '2s'; {drop_tables}drop schema {_name(old)}")
            con.execute("commit")
        except duckdb.Error:
            _give_up(con)


class _Swap:
    """The steps of one delivery, within a transaction that the caller commits."""

    def __init__(self, con: duckdb.DuckDBPyConnection, schema: str, publication_id: str) -> None:
        self._con = con
        self._schema = schema
        self._publication_id = publication_id
        self._aside = f"{schema}__aside"
        self._tables = [
            row[0]
            for row in con.execute(
                "select table_name from duckdb_tables() where database_name = 'marts' order by 1"
            ).fetchall()
        ]

    def perform(self, known: Collection[str]) -> None:
        """Load aside, then put it in the place of what stands."""
        self._refuse_long_names()
        # qualifies the names in the views' definitions; all below is qualified anyway
        self._do(f"set local search_path = pg_catalog; set local lock_timeout = '{LOCK_TIMEOUT}'")
        self._be_the_only_one()
        stands = self._what_stands(known)
        views = self._views() if stands else []
        self._con.execute(f"create schema target.{_name(self._aside)}")
        if stands:
            self._do(self._generated(_SCHEMA_GRANTS))
        for table in self._tables:
            self._load(table)
        old = f"{self._schema}{_OLD}{datetime.now(UTC):%Y%m%dt%H%M%S%f}"[:LONGEST_NAME]
        if stands:
            # twice, as the first takes back what default privileges have granted
            self._do(self._generated(_TABLE_REVOKES))
            self._do(self._generated(_TABLE_GRANTS))
            self._do(f"alter schema {_name(self._schema)} rename to {_name(old)}")
        comment = text_in_sql(f"{OURS} Publication {self._publication_id}.")
        self._do(
            f"alter schema {_name(self._aside)} rename to {_name(self._schema)}; "
            f"comment on schema {_name(self._schema)} is {comment}"
        )
        for name, options, definition in views:
            with_options = f" with ({options})" if options else ""
            try:
                self._do(f"create or replace view {name}{with_options} as {definition}")
            except duckdb.Error as error:
                reason = _explained(error)
                if isinstance(reason, TargetUnreachable):
                    raise reason from None
                raise DeliveryError(
                    f"view {name} cannot follow to the new tables: {reason}. Change it to what "
                    "the marts have now, or drop it"
                ) from None
        if stands:
            self._let_no_query_begin(old)

    def _let_no_query_begin(self, old: str) -> None:
        """Hold the old tables until the commit, if their readers let go of them soon.

        PostgreSQL looks up the tables of a query one by one: whoever has found one of them before
        the commit would find the next one after it. Goes on without the locks where somebody reads
        for longer; it comes last, since whoever holds them must not wait for anything.
        """
        self._do(_HOLD.format(schema=text_in_sql(old), timeout=text_in_sql(READERS_WAITED_FOR)))

    def _refuse_long_names(self) -> None:
        names = self._con.execute(
            "select table_name from duckdb_tables() where database_name = 'marts' "
            "union select column_name from duckdb_columns() where database_name = 'marts'"
        ).fetchall()
        if long := [name for (name,) in names if len(name.encode()) > LONGEST_NAME]:
            raise DeliveryError(
                f"the name {long[0]} is longer than the {LONGEST_NAME} bytes that PostgreSQL "
                "keeps of a name; rename it in the model"
            )

    def _be_the_only_one(self) -> None:
        lock = f"hashtext('afterhype'), hashtext({text_in_sql(self._schema)})"
        ((alone,),) = self._ask(f"select pg_try_advisory_xact_lock({lock}) as alone")
        if not alone:
            raise DeliveryError(
                f"another delivery into schema {self._schema} is at work; the next run tries again"
            )

    def _what_stands(self, known: Collection[str]) -> bool:
        """Whether there is a schema to replace. Raises DeliveryError if it may not be."""
        is_schema = f"nspname = {text_in_sql(self._schema)}"
        found = self._ask(
            "select coalesce(obj_description(oid, 'pg_namespace'), '') as comment "
            f"from pg_namespace where {is_schema}"
        )
        if not found:
            return False
        is_ours = found[0][0].startswith(OURS)
        strange = self._ask(_CONTENT.format(is_schema=is_schema))
        if is_ours and ("table", "publication") in strange:
            ((there, own),) = self._ask(
                f"select publication_id::text as id, row_counts::text as tables "
                f"from {_name(self._schema)}.publication"
            )
            own_tables = {*json.loads(own), *WRITTEN_BESIDE}
            strange = [(kind, name) for kind, name in strange if name not in own_tables]
            if there > self._publication_id and there not in known:
                raise DeliveryError(
                    f"schema {self._schema} holds publication {there}, which is newer than "
                    f"{self._publication_id} and not of this home; give each home a schema of its "
                    "own, or drop that one"
                )
        if strange:
            kind, name = strange[0]
            raise DeliveryError(
                f"schema {self._schema} holds {kind} {name}, which is not afterhype's, and would "
                "go with the swap: move it to another schema, or name another one in publish.to"
            )
        if rules := self._ask(_ROW_SECURITY.format(is_schema=is_schema)):
            raise DeliveryError(
                f"table {self._schema}.{rules[0][0]} has row security, which a swap would lose: "
                "put the policy into a view of another schema, and grant that"
            )
        return True

    def _views(self) -> list[tuple[str, str, str]]:
        """Other people's views of the tables: name, options, definition.

        A view knows tables, not names, and would go on showing the old ones.
        """
        dependents = self._ask(_DEPENDENTS.format(schema=text_in_sql(self._schema)))
        for kind, name, _, _ in dependents:
            if kind != "v":
                raise DeliveryError(
                    f"materialized view {name} is made of schema {self._schema} and cannot follow "
                    "a swap: make it a view, or a table that is filled after each delivery"
                )
        return [(name, options, definition) for _, name, options, definition in dependents]

    def _load(self, table: str) -> None:
        columns = self._con.execute(
            "select column_name, data_type, comment from duckdb_columns() "
            "where database_name = 'marts' and table_name = ? order by column_index",
            [table],
        ).fetchall()
        chosen = ", ".join(_as_postgres_takes_it(name, kind) for name, kind, _ in columns)
        # the tables of a publication are sorted, and stay so
        self._con.execute(
            f"create table target.{_name(self._aside)}.{_name(table)} as "
            f"select {chosen} from marts.{_name(table)}"
        )
        path = f"{_name(self._aside)}.{_name(table)}"
        grain = [name for name in GRAIN.get(table, ()) if name in {name for name, _, _ in columns}]
        statements = []
        if grain and self._fits_an_index(table, grain):
            statements.append(f"create index on {path} ({', '.join(map(_name, grain))})")
        told = self._con.execute(
            "select comment from duckdb_tables() where database_name = 'marts' and table_name = ?",
            [table],
        ).fetchone()
        if told and told[0]:
            statements.append(f"comment on table {path} is {text_in_sql(told[0])}")
        statements += [
            f"comment on column {path}.{_name(name)} is {text_in_sql(comment)}"
            for name, _, comment in columns
            if comment
        ]
        statements.append(f"analyze {path}")  # good plans from the first query on
        self._do("; ".join(statements))

    def _fits_an_index(self, table: str, grain: list[str]) -> bool:
        longest = " + ".join(f"coalesce(max(strlen({_name(c)}::varchar)), 0)" for c in grain)
        row = self._con.execute(f"select {longest} from marts.{_name(table)}").fetchone()
        return bool(row) and row is not None and row[0] <= LONGEST_INDEX_ROW

    def _generated(self, query: str) -> str:
        """The statements that a query writes."""
        schemas = {"old": text_in_sql(self._schema), "new": text_in_sql(self._aside)}
        return "; ".join(row[0] for row in self._ask(query.format(**schemas)))

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return _ask(self._con, query)

    def _do(self, statements: str) -> None:
        _do(self._con, statements)


_CONTENT = """
select case relkind when 'v' then 'view' when 'm' then 'materialized view'
    when 'S' then 'sequence' when 'f' then 'foreign table' else 'table' end as kind,
    relname::text as name
from pg_class join pg_namespace n on n.oid = relnamespace
where {is_schema} and relkind in ('r', 'p', 'v', 'm', 'S', 'f')
union all
select 'function', proname::text from pg_proc join pg_namespace n on n.oid = pronamespace
where {is_schema}
union all
select 'type', typname::text from pg_type join pg_namespace n on n.oid = typnamespace
where {is_schema} and typtype in ('e', 'd', 'r')
order by 1, 2
"""

_ROW_SECURITY = """
select relname::text as name from pg_class join pg_namespace n on n.oid = relnamespace
where {is_schema} and (relrowsecurity or relforcerowsecurity)
"""

_DEPENDENTS = """
select distinct v.relkind::text as kind, format('%I.%I', vn.nspname, v.relname) as name,
    coalesce(array_to_string(v.reloptions, ', '), '') as options,
    case when v.relkind = 'v' then rtrim(pg_get_viewdef(v.oid), ';') else '' end as definition
from pg_depend d
join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
join pg_class v on v.oid = r.ev_class
join pg_namespace vn on vn.oid = v.relnamespace
join pg_class t on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid
join pg_namespace tn on tn.oid = t.relnamespace
where tn.nspname = {schema} and vn.nspname <> {schema}
order by 2
"""

_HOLD = """
do $hold$
declare tables text := (
    select string_agg(format('%I.%I', nspname, relname), ', ' order by relname)
    from pg_class join pg_namespace n on n.oid = relnamespace
    where nspname = {schema} and relkind = 'r'
);
begin
    perform set_config('lock_timeout', {timeout}, true);
    if tables is not null then
        execute 'lock table ' || tables || ' in access exclusive mode';
    end if;
exception when lock_not_available or deadlock_detected then
    null;
end
$hold$
"""

# default privileges as well: a mart that is new in a publication is granted as they say
_SCHEMA_GRANTS = """
select format('grant %s on schema %I to %s%s', privilege_type, {new},
    case grantee when 0 then 'public' else grantee::regrole::text end,
    case when is_grantable then ' with grant option' else '' end) as statement
from pg_namespace, aclexplode(nspacl) where nspname = {old} and grantee <> nspowner
union all
select format('alter default privileges for role %s in schema %I grant %s on %s to %s%s',
    defaclrole::regrole, {new}, privilege_type, case defaclobjtype when 'r' then 'tables'
        when 'S' then 'sequences' when 'f' then 'functions' else 'types' end,
    case grantee when 0 then 'public' else grantee::regrole::text end,
    case when is_grantable then ' with grant option' else '' end)
from pg_default_acl join pg_namespace n on n.oid = defaclnamespace, aclexplode(defaclacl)
where nspname = {old} and defaclobjtype in ('r', 'S', 'f', 'T')
"""

_TABLE_REVOKES = """
select distinct format('revoke all on %I.%I from %s', {new}, t.relname,
    case grantee when 0 then 'public' else grantee::regrole::text end) as statement
from pg_class t join pg_namespace n on n.oid = t.relnamespace, aclexplode(t.relacl)
where nspname = {new} and t.relkind = 'r' and grantee <> relowner
    and exists (select from pg_class o join pg_namespace p on p.oid = o.relnamespace
        where p.nspname = {old} and o.relname = t.relname)
"""

_TABLE_GRANTS = """
with pairs as (
    select o.oid, o.relacl, o.relowner, t.relname, t.oid as new_oid
    from pg_class o join pg_namespace p on p.oid = o.relnamespace and p.nspname = {old}
    join pg_class t on t.relname = o.relname and t.relkind = 'r'
    join pg_namespace n on n.oid = t.relnamespace and n.nspname = {new}
)
select format('grant %s on %I.%I to %s%s', privilege_type, {new}, relname,
    case grantee when 0 then 'public' else grantee::regrole::text end,
    case when is_grantable then ' with grant option' else '' end) as statement
from pairs, aclexplode(relacl) where grantee <> relowner
union all
select format('grant %s (%I) on %I.%I to %s%s', privilege_type, o.attname, {new}, relname,
    case grantee when 0 then 'public' else grantee::regrole::text end,
    case when is_grantable then ' with grant option' else '' end)
from pairs join pg_attribute o on o.attrelid = pairs.oid
join pg_attribute a on a.attrelid = new_oid and a.attname = o.attname,
aclexplode(o.attacl) where grantee <> relowner
"""


def _as_postgres_takes_it(name: str, kind: str) -> str:
    """A column as an expression of a type that PostgreSQL has, too, without loss."""
    column = _name(name)
    if re.search(r"STRUCT\(|MAP\(|UNION\(", kind):
        return f"to_json({column}) as {column}"
    if kind in ("HUGEINT", "UHUGEINT"):  # they would become doubles
        return f"{column}::decimal(38, 0) as {column}"
    if kind.startswith("ENUM("):
        return f"{column}::varchar{'[]' * kind.count('[]')} as {column}"
    return column


@contextmanager
def _connected(target: PostgresTarget, marts: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the published file as ``marts`` and the server as ``target``."""
    told = block_of(Storage(credentials=target.credentials))
    address = _libpq(target.uri) | ({"user": told["user"]} if "user" in told else {})
    password = told.get("password") or told.get("value")
    if told and not password:
        raise ConfigurationError(
            f"publish.to: the block {target.credentials} lacks password. It holds the password "
            "as text, or a JSON object with user and password."
        )
    with duckdb.connect() as con:
        load_extension(con, "postgres_scanner")
        con.execute("set TimeZone = 'UTC'")
        con.execute("set pg_null_byte_replacement = ''")  # PostgreSQL's text cannot hold them
        con.execute(f"attach {text_in_sql(marts)} as marts (read_only)")
        secret = ""
        if password:
            # a variable keeps it out of SQL text and errors
            con.execute("set variable password = ?", [password])
            con.execute(
                "create temporary secret delivery (type postgres, password getvariable('password'))"
            )
            con.execute("reset variable password")
            secret = ", secret delivery"
        described = " ".join(f"{key}={_quoted(value)}" for key, value in address.items())
        try:
            con.execute(
                f"attach {text_in_sql(described)} as target "
                f"(type postgres, isolation_level 'READ COMMITTED'{secret})"
            )
        except duckdb.Error as error:
            raise _explained(error, password) from None
        yield con


def _libpq(uri: str) -> dict[str, str]:
    """A URI as libpq's keywords; what it leaves out libpq finds by itself."""
    split = urlsplit(uri)
    named = {
        "host": unquote(split.hostname or ""),
        "port": str(split.port or ""),
        "user": unquote(split.username or ""),
        "dbname": unquote(split.path.removeprefix("/")),
    }
    told = {key: value for key, value in named.items() if value} | dict(parse_qsl(split.query))
    return {"application_name": "afterhype", "connect_timeout": "10"} | told


def _quoted(value: str) -> str:
    """A value of a connection string, as libpq quotes it."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _explained(error: duckdb.Error, password: str | None = None) -> DeliveryError:
    """What PostgreSQL says, in a line, without the statement that DuckDB repeats before it."""
    text = str(error).strip()
    if password:
        text = text.replace(password, "***")
    reason = re.split(r'": (?=connection to|ERROR|FATAL|could|server|SSL)|ERROR: +', text)[-1]
    line = next((line for line in reason.splitlines() if line.strip()), text)[:300]
    kind = TargetUnreachable if _UNREACHABLE.search(reason) else DeliveryError
    return kind(f"{line}{_what_to_do(line)}")


def _what_to_do(reason: str) -> str:
    if "permission denied for database" in reason:
        return ". Grant it: grant create on database ... to the role that delivers"
    if "must be owner of" in reason:
        return ". The role that delivers has to own it"
    if "fe_sendauth" in reason or "password" in reason:
        return ". Set PGPASSWORD or ~/.pgpass, or credentials: secret/NAME of a Prefect block"
    return ""


def _give_up(con: duckdb.DuckDBPyConnection) -> None:
    try:
        con.execute("rollback")
    except duckdb.Error:
        return  # the server has ended it


def _ask(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query that PostgreSQL answers, within the transaction."""
    return con.execute("from postgres_query('target', ?)", [query]).fetchall()


def _do(con: duckdb.DuckDBPyConnection, statements: str) -> None:
    """Let PostgreSQL run statements, within the transaction."""
    if statements:
        con.execute(f"call postgres_execute('target', {text_in_sql(statements)})")


def _name(value: str) -> str:
    return name_in_sql(value)
