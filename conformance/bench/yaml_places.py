"""Where something stands in a YAML file of the user's, for messages: its line, and its field as a path."""

from collections.abc import Sequence
from typing import Any

import yaml


def line_of(tree: Any, steps: Sequence[Any]) -> int:
    """Give the line (from 1) of the deepest part of a path that there is; `tree` is what `yaml.compose` gave."""
    if tree is None:
        return 1
    node, line = tree, tree.start_mark.line
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(step) not in pairs:
                break
            key, node = pairs[str(step)]
            line = key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def field_of(steps: Sequence[Any]) -> str:
    """Give a path as it is written in messages, such as `operations.deploy.take`."""
    return ".".join(str(step) for step in steps) or "(root)"
