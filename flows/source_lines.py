"""Find the line of a sources file in which a setting is given."""

from __future__ import annotations

from collections.abc import Sequence

import yaml


def line_of_setting(text: str, keys: Sequence[str | int]) -> int:
    """The line, from 1, of the setting that keys and positions lead to.

    Where it is not given, the line of the last one on the way to it.
    """
    node = yaml.compose(text, yaml.SafeLoader)
    line = 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == key), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            return line
    return line
