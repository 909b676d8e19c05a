"""Variants of a fleet: the same with other settings, each named by its path, such as `cohorts.plant.polling.jitter`.

Members of lists go by their name or their position, and `*` means all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from simulator.fleet.description import Fleet
from simulator.fleet.reading import WrongDescription, checked


def variants_of(fleet: Fleet) -> dict[str, Fleet]:
    """Every variant that the description names, as a fleet of its own. Raises WrongDescription."""
    return {name: with_settings(fleet, settings, f"variant {name}") for name, settings in fleet.variants.items()}


def with_settings(fleet: Fleet, settings: Mapping[str, Any], what: str) -> Fleet:
    """The fleet with other settings and no variants; `what` begins the message. Raises WrongDescription."""
    value = fleet.model_dump(mode="json", exclude_unset=True, exclude={"variants"})
    for path, setting in settings.items():
        places = list(_places(value, path, what))
        for place, key in places:
            place[key] = setting
    return checked(value, lambda path: f"{what}: {_named(value, path)}")


def _named(value: Any, path: Sequence[Any]) -> str:
    """A path as it is written in a setting: members of lists by their name."""
    steps = []
    for step in path:
        value = _member(value, step)
        named = isinstance(step, int) and isinstance(value, dict)
        steps.append(str(value.get("name", step) if named else step))
    return ".".join(steps) or "(root)"


def _member(value: Any, step: Any) -> Any:
    """What is at a step, None where nothing is: what is missing has a place, too."""
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and step < len(value) else None


def _places(value: Any, path: str, what: str, before: str = "") -> Iterator[tuple[Any, Any]]:
    """The mappings (or lists) and keys that a path leads to; mappings on the way are made when they are not there.

    `before`: the beginning of the path, which led to `value`.
    """
    if isinstance(value, list):
        keys, rest = _members(value, path, f"{what}: {before}")
    else:
        key, _, rest = path.partition(".")
        keys = [key]
    for key in keys:
        if not rest:
            yield value, key
            continue
        if isinstance(value, dict):
            inner = value.get(key)
            value[key] = inner if isinstance(inner, dict | list) else {}
        yield from _places(value[key], rest, what, before + path.removesuffix(rest))


def _members(items: list[Any], path: str, where: str) -> tuple[list[Any], str]:
    """Positions in a list that the beginning of a path names, and the rest of it; names may have dots."""
    if path == "*" or path.startswith("*."):
        return list(range(len(items))), path[2:]
    names = {str(item.get("name", n)) if isinstance(item, dict) else str(n): n for n, item in enumerate(items)}
    names |= {str(n): n for n in range(len(items)) if str(n) not in names}
    for name in sorted(names, key=len, reverse=True):
        if path == name or path.startswith(f"{name}."):
            return [names[name]], path[len(name) + 1 :]
    near = get_close_matches(path.partition(".")[0], names, n=1)
    raise WrongDescription(
        f"{where}{path}: expected one of {', '.join(names)} or *" + (f"; did you mean {near[0]}?" if near else "")
    )
