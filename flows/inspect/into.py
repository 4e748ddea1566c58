"""Put a proposed entry into a sources file: the rest of it stays as it is, byte for byte."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flows.errors import ConfigurationError
from flows.sources import load_sources
from flows.unique_keys import load_yaml

SECTIONS = ("events", "ranks", "installs", "reviews")

DEFAULT_APP = "my_app"
"""The app of an entry, where nobody names one and the file has none."""


@dataclass(frozen=True, kw_only=True)
class Added:
    """What was written: the entry's section, name and first line, and what is to be corrected."""

    section: str
    name: str
    line: int
    notes: tuple[str, ...] = ()


def app_for(path: Path, app_id: str | None) -> str:
    """The app whose events an entry for this file is of. Raises ConfigurationError if unclear."""
    if app_id is not None or not path.exists():
        return app_id or DEFAULT_APP
    apps = [app["app_id"] for app in _document(path).get("apps") or ()]
    if len(apps) > 1:
        raise ConfigurationError(f"{path} has {len(apps)} apps: say --app-id {' or '.join(apps)}")
    return str(apps[0]) if apps else DEFAULT_APP


def add_entry(path: Path, entry: str) -> Added:
    """Add the source of an entry to a sources file, with its app where that is not there yet.

    ``entry`` is a sources file of one source, as `afterhype inspect` proposes it. A file that is
    not there is made. Raises ConfigurationError, and leaves the file as it was, where a source of
    that name is there, or the file would not hold.
    """
    proposed: dict[str, Any] = yaml.safe_load(entry)
    (section,) = (key for key in proposed if key in SECTIONS)
    (source,) = proposed[section]
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before = _document(path) if path.exists() else {}
    _refuse_name_in_use(path, text, before, source["name"])
    notes = []
    known = [app["app_id"] for app in before.get("apps") or ()]
    if section == "events" and source["app_id"] not in known:
        text, _ = _with_item(path, text, "apps", proposed["apps"][0])
        notes.append(f"app {source['app_id']} was added to apps: correct its name")
        before = before | {"apps": [*(before.get("apps") or ()), proposed["apps"][0]]}
    text, line = _with_item(path, text, section, source)
    wanted = before | {section: [*(before.get(section) or ()), source]}
    _composed(path, text)
    if load_yaml(text) != wanted:  # an anchor, say, or a document that ends with `...`
        raise _not_as_written(path)
    _replace(path, text)
    return Added(section=section, name=source["name"], line=line, notes=tuple(notes))


def _document(path: Path) -> dict[str, Any]:
    try:
        document = load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: not valid YAML: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: the top level must be a mapping with apps: and events:")
    return document


def _refuse_name_in_use(path: Path, text: str, document: Mapping[str, Any], name: str) -> None:
    for section in SECTIONS:
        for position, source in enumerate(document.get(section) or ()):
            if isinstance(source, dict) and source.get("name") == name:
                node = _section(yaml.compose(text, yaml.SafeLoader), section)
                line = node.value[position].start_mark.line + 1 if node else 1
                raise ConfigurationError(
                    f"{path}, line {line}: {section}[{position}] is called {name} already. Give "
                    "this one another name with --name, or correct or remove that one"
                )


def _section(root: Any, section: str) -> Any:
    """The node of a section's value, or None."""
    pairs = root.value if isinstance(root, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == section), None)


def _with_item(path: Path, text: str, section: str, item: Mapping[str, Any]) -> tuple[str, int]:
    """A text with an item at the end of a section, and the line of the item, from 1."""
    root = _composed(path, text)
    if isinstance(root, yaml.MappingNode) and root.flow_style:
        raise ConfigurationError(f"{path}: is written within braces: paste the entry")
    node = _section(root, section)
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += "\n"
    if node is None:
        gap = ["\n"] if lines else []
        lines += [*gap, f"{section}:\n", *_item(item, 2)]
        return "".join(lines), len(lines) - len(_item(item, 2)) + 1
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        new = _item(item, node.start_mark.column)
        at = max(_last_lines(node)) + 1
        if at < len(lines) and not lines[at - 1].endswith(("\n", "\r")):
            lines[at - 1] += "\n"
        return "".join([*lines[:at], *new, *lines[at:]]), at + 1
    if not node.value:  # `events:` or `events: []`
        at = _key_line(root, section)
        comment = lines[at].partition("#")[1:] if "#" in lines[at] else ()
        lines[at] = f"{section}:{'  ' + ''.join(comment).rstrip() if comment else ''}\n"
        return "".join([*lines[: at + 1], *_item(item, 2), *lines[at + 1 :]]), at + 2
    raise ConfigurationError(
        f"{path}, line {node.start_mark.line + 1}: {section} is written within brackets: write it "
        "as a list of lines that begin with a hyphen, or paste the entry"
    )


def _composed(path: Path, text: str) -> Any:
    try:
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        raise _not_as_written(path) from None


def _not_as_written(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path}: cannot be added to as it is written: paste the entry")


def _key_line(root: Any, section: str) -> int:
    lines: Iterator[int] = (key.start_mark.line for key, _ in root.value if key.value == section)
    return next(lines)


def _last_lines(node: Any) -> Iterator[int]:
    """The lines, from 0, in which the values within a node end; not the comments behind them."""
    if isinstance(node, yaml.ScalarNode):
        end = node.end_mark
        # a text of several lines ends where the next thing begins
        ended = node.style in ("|", ">") or (end.column == 0 and end.line > node.start_mark.line)
        yield end.line - 1 if ended else end.line
    elif node.flow_style or not node.value:
        yield node.end_mark.line
    else:
        yield node.start_mark.line
        for child in node.value:
            for one in child if isinstance(child, tuple) else (child,):
                yield from _last_lines(one)


def _item(item: Mapping[str, Any], indent: int) -> list[str]:
    """The lines of an item of a list whose hyphens are at a column."""
    dumped = yaml.safe_dump([dict(item)], sort_keys=False, allow_unicode=True, width=100)
    return [f"{' ' * indent}{line}" for line in dumped.splitlines(keepends=True)]


def _replace(path: Path, text: str) -> None:
    """Write the file if it holds; relative paths in it are relative to its folder."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        load_sources(draft)
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        os.replace(draft, path.resolve())  # noqa: PTH105 - the target of a link, not the link
    except ConfigurationError as error:
        raise ConfigurationError(str(error).replace(str(draft), str(path))) from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
