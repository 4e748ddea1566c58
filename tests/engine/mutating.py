"""Change one thing in the engine's SQL, as somebody might by mistake."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from tests.engine.recording import Recording, Statement

_SWAPPED: Mapping[type[exp.Expr], type[exp.Expr]] = {
    exp.LT: exp.LTE,
    exp.LTE: exp.LT,
    exp.GT: exp.GTE,
    exp.GTE: exp.GT,
    exp.Min: exp.Max,
    exp.Max: exp.Min,
    exp.Least: exp.Greatest,
    exp.Greatest: exp.Least,
    exp.Lag: exp.Lead,
    exp.Lead: exp.Lag,
    exp.Add: exp.Sub,
    exp.Sub: exp.Add,
}
"""What takes the same arguments and means something else."""

Edit = Callable[[exp.Expr], exp.Expr | None]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change: to the ``place``-th node that ``kind`` can change in a CTE of a model.

    The CTE is changed in a full build and in one by arrival, where both have it alike; ``builds``
    says which. ``before`` and ``after`` are the changed part's SQL.
    """

    model: str
    cte: str
    kind: str
    place: int
    builds: tuple[str, ...]
    before: str
    after: str

    def __str__(self) -> str:
        builds = "" if len(self.builds) == 2 else f", {self.builds[0].replace('_', ' ')} only"
        return f"{self.model}, {self.cte}{builds}: {self.kind}: {self.before} -> {self.after}"


def mutants(recording: Recording) -> list[Mutant]:
    """Every change that is known, to every CTE of every model."""
    by_place = {
        build: {
            (statement.model, name): cte
            for statement in recording.build(by_arrival=build == "by_arrival")
            for name, cte in _ctes(statement)
        }
        for build in ("full", "by_arrival")
    }
    found: list[Mutant] = []
    for (model, name), cte in (by_place["full"] | by_place["by_arrival"]).items():
        texts = {
            b: ctes[model, name].sql() for b, ctes in by_place.items() if (model, name) in ctes
        }
        if len(set(texts.values())) == 1:
            found += _of_cte(model, name, cte, tuple(texts))
        else:
            for build in texts:
                found += _of_cte(model, name, by_place[build][model, name], (build,))
    return found


def mutated(recording: Recording, mutant: Mutant) -> Recording | None:
    """The statements with the change; None where they have no such place."""
    edited = {
        build: tuple(
            _edited(statement, mutant)
            if statement.model == mutant.model and build in mutant.builds
            else statement
            for statement in recording.build(by_arrival=build == "by_arrival")
        )
        for build in ("full", "by_arrival")
    }
    new = Recording(full=edited["full"], by_arrival=edited["by_arrival"])
    return None if new == recording else new


def _of_cte(model: str, cte: str, query: exp.Expr, builds: tuple[str, ...]) -> Iterator[Mutant]:
    selects_nothing = _selects_nothing(query)
    for kind, edit in EDITS.items():
        if selects_nothing and edit is not _drop_where:
            continue
        for place, (before, after) in enumerate(_changes(query, edit)):
            yield Mutant(
                model=model,
                cte=cte,
                kind=kind,
                place=place,
                builds=builds,
                before=_short(before),
                after=_short(after),
            )


def _selects_nothing(query: exp.Expr) -> bool:
    """Whether no row comes of it whatever it selects: a mistake in it shows nowhere."""
    where = query.args.get("where")
    return where is not None and where.this == exp.false()


def _changes(query: exp.Expr, edit: Edit) -> Iterator[tuple[str, str]]:
    for node in list(query.walk()):
        if (changed := edit(node)) is not None:
            yield node.sql("duckdb"), changed.sql("duckdb")


def _edited(statement: Statement, mutant: Mutant) -> Statement:
    """The statement with the change, where it has the place. Statements may come two in one."""
    parts = sqlglot.parse(statement.sql, read="duckdb")
    edited = False
    for part in parts:
        for name, query in _ctes_of(part):
            if name != mutant.cte or edited:
                continue
            place = 0
            for node in list(query.walk()):
                changed = EDITS[mutant.kind](node)
                if changed is None:
                    continue
                if place == mutant.place:
                    node.replace(changed)
                    edited = True
                    break
                place += 1
    if not edited:
        return statement
    sql = "; ".join(part.sql("duckdb") for part in parts if part is not None)
    return Statement(model=statement.model, sql=sql)


def _ctes(statement: Statement) -> Iterator[tuple[str, exp.Expr]]:
    for part in sqlglot.parse(statement.sql, read="duckdb"):
        yield from _ctes_of(part)


def _ctes_of(part: exp.Expr | None) -> Iterator[tuple[str, exp.Expr]]:
    """The CTEs that do something: those that only import a model are left alone."""
    for cte in part.find_all(exp.CTE) if part is not None else ():
        query = cte.this
        imports = isinstance(query, exp.Select) and query.is_star and not query.args.get("where")
        if not imports or query.args.get("joins"):
            yield cte.alias, query


def _short(sql: str) -> str:
    return sql if len(sql) <= 160 else f"{sql[:80]} ... {sql[-70:]}"


# -- what somebody might do by mistake -------------------------------------------------------------


def _swap(node: exp.Expr) -> exp.Expr | None:
    other = _SWAPPED.get(type(node))
    return other(**{name: _copied(value) for name, value in node.args.items()}) if other else None


def _copied(value: object) -> object:
    if isinstance(value, exp.Expr):
        return value.copy()
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _drop_condition(node: exp.Expr) -> exp.Expr | None:
    return node.left.copy() if isinstance(node, exp.And) else None


def _drop_first_condition(node: exp.Expr) -> exp.Expr | None:
    return node.right.copy() if isinstance(node, exp.And) else None


def _drop_where(node: exp.Expr) -> exp.Expr | None:
    return exp.Where(this=exp.true()) if isinstance(node, exp.Where) else None


def _other_join(node: exp.Expr) -> exp.Expr | None:
    if not isinstance(node, exp.Join) or node.args.get("kind") == "CROSS":
        return None
    changed = node.copy()
    if node.side == "LEFT":
        changed.set("side", None)
        changed.set("kind", "INNER")
    elif not node.side:
        changed.set("kind", None)
        changed.set("side", "LEFT")
    else:
        return None
    return changed


def _other_union(node: exp.Expr) -> exp.Expr | None:
    if not isinstance(node, exp.Union) or _is_of_constants(node):
        return None
    changed = node.copy()
    changed.set("distinct", not node.args.get("distinct"))
    return changed


def _is_of_constants(union: exp.Union) -> bool:
    """Whether it is of rows that are written there, each another one."""
    return not any(select.args.get("from_") for select in union.find_all(exp.Select))


def _off_by_one(node: exp.Expr) -> exp.Expr | None:
    if not isinstance(node, exp.Literal) or node.is_string or not node.this.isdigit():
        return None
    if isinstance(node.parent, exp.DataType | exp.DataTypeParam | exp.Neg):
        return None
    if isinstance(node.parent, exp.If) and isinstance(node.find_ancestor(exp.AggFunc), exp.Count):
        return None  # it is counted, whatever it is
    return exp.Literal.number(int(node.this) + 1)


def _other_sign(node: exp.Expr) -> exp.Expr | None:
    return node.this.copy() if isinstance(node, exp.Neg) else None


def _no_fallback(node: exp.Expr) -> exp.Expr | None:
    return node.this.copy() if isinstance(node, exp.Coalesce) else None


def _negate(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return exp.not_(node.copy()) if not isinstance(node.parent, exp.Not) else None
    if isinstance(node, exp.Not) and isinstance(node.this, exp.Is):
        return node.this.copy()
    return None


def _other_order(node: exp.Expr) -> exp.Expr | None:
    if not isinstance(node, exp.Ordered):
        return None
    changed = node.copy()
    changed.set("desc", not node.args.get("desc"))
    return changed


def _ignore_the_zone(node: exp.Expr) -> exp.Expr | None:
    # the zone of every session is UTC: where that is named, nothing changes without it
    zone = node.args["zone"].name if isinstance(node, exp.AtTimeZone) else "UTC"
    return node.this.copy() if zone != "UTC" else None


def _drop_partition(node: exp.Expr) -> exp.Expr | None:
    if not isinstance(node, exp.Window) or len(node.args.get("partition_by") or ()) < 2:
        return None
    changed = node.copy()
    changed.set("partition_by", changed.args["partition_by"][:-1])
    return changed


def _not_equal(node: exp.Expr) -> exp.Expr | None:
    if not isinstance(node, exp.EQ) or not isinstance(node.expression, exp.Literal | exp.Neg):
        return None
    return exp.NEQ(this=node.this.copy(), expression=node.expression.copy())


def _drop_distinct(node: exp.Expr) -> exp.Expr | None:
    if not isinstance(node, exp.Select) or not node.args.get("distinct"):
        return None
    changed = node.copy()
    changed.set("distinct", None)
    return changed


EDITS: Mapping[str, Edit] = {
    "take what is the opposite": _swap,
    "drop the last condition": _drop_condition,
    "drop all but the last condition": _drop_first_condition,
    "drop the filter": _drop_where,
    "join the other way": _other_join,
    "keep or drop duplicates of a union": _other_union,
    "be off by one": _off_by_one,
    "forget the minus": _other_sign,
    "forget the fallback": _no_fallback,
    "ask for null the other way": _negate,
    "order the other way": _other_order,
    "ignore the zone": _ignore_the_zone,
    "forget a column of the partition": _drop_partition,
    "take all others": _not_equal,
    "forget distinct": _drop_distinct,
}


def spread(found: Sequence[Mutant], wanted: int) -> list[Mutant]:
    """So many of the mutants, by chance, in their order; the same ones when others come to them."""
    drawn = sorted(found, key=lambda mutant: hashlib.md5(str(mutant).encode()).digest())[:wanted]
    chosen = set(drawn)
    return [mutant for mutant in found if mutant in chosen]
