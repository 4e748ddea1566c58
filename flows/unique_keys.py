"""Load YAML in which each key of a mapping is given once: a second one would hide the first."""

from __future__ import annotations

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        first_lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag.endswith(":merge"):
                continue  # `<<` may be given as well as the keys that it brings
            key, line = self.construct_object(key_node), key_node.start_mark.line + 1
            if key in first_lines:
                raise yaml.MarkedYAMLError(
                    problem=f"{key_node.value!r} is given twice, in line "
                    f"{first_lines[key]} and in line {line}: keep one of them",
                    problem_mark=key_node.start_mark,
                )
            first_lines[key] = line
        return super().construct_mapping(node, deep)


def load_yaml(text: str) -> Any:
    """The document in a YAML text. Raises yaml.YAMLError, naming both lines of a repeated key."""
    return yaml.load(text, _Loader)
