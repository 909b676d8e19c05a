"""What was calibrated, as YAML for people: printed, and put into a description whose comments and order stay."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from collections import Counter
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from simulator.fleet.calibration import Calibration
    from simulator.fleet.description import Fleet

EXTRA = "--into keeps comments with a library in an extra: `pip install 'margo-conformance[calibrate]'`"
BY_HAND = "nothing was written: put the printed part in by hand, or write {} in block style, one key a line"
PER_ROW = 5
_WIDE = 1 << 20
_NULL = "tag:yaml.org,2002:null"


def flow(value: Any, indent: int) -> str:
    """A value on one line, but percentiles in rows; `indent`: columns before the line that it stands in."""
    if isinstance(value, dict):
        items = [f"{key}: {flow(item, indent)}" for key, item in value.items()]
        if len(items) <= PER_ROW or any(isinstance(item, dict) for item in value.values()):
            return f"{{{', '.join(items)}}}"
        pad = f"\n{' ' * (indent + 4)}"
        return "{" + ",".join(pad + ", ".join(items[n : n + PER_ROW]) for n in range(0, len(items), PER_ROW)) + "}"
    if isinstance(value, list):
        return f"[{', '.join(flow(item, indent) for item in value)}]"
    return _decimal(value) if isinstance(value, float) else str(value)


def _decimal(value: float) -> str:
    """Without an exponent, which YAML 1.1 and 1.2 read differently."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


class Description:
    """A file that gets what is calibrated. Raises Misuse, OSError when it cannot be read or be simulated."""

    def __init__(self, file: Path) -> None:
        from conformance.cli.simulate import read_fleet

        try:
            import ruamel.yaml  # noqa: F401 - told before anything is measured
        except ModuleNotFoundError as error:
            from conformance.cli.problems import Misuse

            raise Misuse("missing-extra", str(error), EXTRA) from None
        self._file = file
        self._fleet: Fleet = read_fleet(file, None)
        text = file.read_bytes().decode()
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._text = text.replace("\r\n", "\n")

    def merge(self, fitted: Calibration) -> None:
        """Put in what was fitted, and replace the file as a whole, so that a full disk loses nothing.

        Raises Misuse and leaves the file alone when it would not say what was fitted, or lose a comment.
        """
        merged = self._merged(fitted)
        beside = self._file.with_name(f".{self._file.name}.new")
        beside.write_text(merged, encoding="utf-8", newline=self._newline)
        beside.chmod(self._file.stat().st_mode)
        beside.replace(self._file)

    def _merged(self, fitted: Calibration) -> str:
        from ruamel.yaml.error import YAMLError

        from conformance.cli.problems import Misuse
        from simulator.fleet import reading

        try:
            merged = _Tree(self._text).with_parts(fitted, self._fleet)
            says = reading.read(merged.encode(), str(self._file))
        except (YAMLError, reading.WrongDescription) as error:
            cause = f"{self._file}: cannot be written with what was fitted: {' '.join(str(error).split())}"
            raise Misuse("calibration", cause, BY_HAND.format("wfm, cohorts and network")) from None
        lost = list((comments(self._text) - comments(merged)).elements())
        if lost:
            cause = f"{self._file}: comments inside of {{}} or [] would be lost: {'; '.join(lost[:5])}"
            raise Misuse("calibration", cause, BY_HAND.format("the mapping around it"))
        if says != fitted.applied(self._fleet):
            cause = f"{self._file}: what would be written does not read as what was fitted"
            raise Misuse("calibration", cause, BY_HAND.format("wfm, cohorts and network"))
        return merged


def comments(text: str) -> Counter[str]:
    """The comments of a YAML text, each as often as it is there: what stands between the tokens."""
    import yaml

    gaps = (text[a.end_mark.index : b.start_mark.index] for a, b in pairwise(yaml.scan(text, Loader=yaml.SafeLoader)))
    lines = (line.strip() for gap in gaps for line in gap.split("\n"))
    return Counter(line for line in lines if line.startswith("#"))


class _Tree:
    """A description as the library for round trips has it.

    A value that is put in is a mark until all is written, as only then it is known how far its line is indented.
    """

    def __init__(self, text: str) -> None:
        from ruamel.yaml import YAML

        self._yaml = yaml = YAML()
        yaml.preserve_quotes, yaml.width = True, _WIDE
        yaml.brace_single_entry_mapping_in_flow_sequence = True
        yaml.representer.add_representer(type(None), lambda to, _: to.represent_scalar(_NULL, "null"))
        self._root = yaml.load(text)
        cohorts, dash, inner = self._root["cohorts"], 2, 4
        if not cohorts.fa.flow_style() and not self._root.fa.flow_style():
            dash = cohorts.lc.col
            inner = max(cohorts[0].lc.col, dash + 2)
        yaml.indent(mapping=2, sequence=inner, offset=dash)
        self._mark = f"calibrated-{uuid4().hex}-"
        self._values: list[Any] = []
        self._after: list[tuple[Any, str]] = []

    def with_parts(self, fitted: Calibration, fleet: Fleet) -> str:
        """The text with everything that was fitted."""
        part, root = fitted.fragment(), self._root
        root.fa.set_block_style()
        wfm = self._block(root, "wfm")
        service = self._block(wfm, "service")
        for kind, time in part["wfm"]["service"].items():
            self._put(service, kind, time)
        if "sizes" in wfm:
            wfm["sizes"].update(part["wfm"]["sizes"])
        else:
            self._put(wfm, "sizes", part["wfm"]["sizes"])
        cohorts = self._block(root, "cohorts")
        for number in range(len(cohorts)):
            self._put(self._block(self._block(cohorts, number), "network"), "rtt", part["network"]["rtt"])
        for application, number in fitted.fetched(fleet):
            root["applications"][application]["revisions"][number]["bytes"] = fitted.bundle_bytes
        for opened, text in self._after:
            _comment_after(opened, text)
        out = StringIO()
        self._yaml.dump(root, out)
        return "\n".join(map(self._filled, out.getvalue().split("\n")))

    def _block(self, parent: Any, key: Any) -> Any:
        """The part at a key, made if it is not there, with one key a line; comments behind it stay behind it."""
        from ruamel.yaml.comments import CommentedMap

        if isinstance(parent, dict) and key not in parent:
            parent[key] = CommentedMap()
        part = parent[key]
        if part.fa.flow_style():
            part.fa.set_block_style()
            tokens = parent.ca.items.get(key) or []
            token = next((token for token in tokens if token is not None and not isinstance(token, list)), None)
            if token is not None:
                first, _, rest = token.value.partition("\n")
                token.value, token.column = f" {first}\n", 0  # two spaces behind the key
                if rest:
                    self._after.append((part, rest))
                if not isinstance(parent, dict):  # behind the first key, not behind the hyphen
                    part.ca.items[next(iter(part))] = [None, None, parent.ca.items.pop(key)[0], None]
        return part

    def _put(self, parent: Any, key: str, value: Any) -> None:
        parent[key] = f"{self._mark}{len(self._values)}-"
        self._values.append(value)

    def _filled(self, line: str) -> str:
        before, mark, rest = line.partition(self._mark)
        if not mark:
            return line
        number, _, after = rest.partition("-")
        return before + flow(self._values[int(number)], len(line) - len(line.lstrip())) + after


def _comment_after(part: Any, text: str) -> None:
    """Let a comment stand behind the last member of a part, on lines of its own."""
    from ruamel.yaml.error import CommentMark
    from ruamel.yaml.tokens import CommentToken

    key = list(part)[-1] if isinstance(part, dict) else len(part) - 1
    inner = part[key]
    style = getattr(inner, "fa", None)
    if inner and style is not None and not style.flow_style():
        _comment_after(inner, text)
        return
    place = 2 if isinstance(part, dict) else 0
    tokens = part.ca.items.setdefault(key, [None, None, None, None])
    if tokens[place] is None:
        tokens[place] = CommentToken(f"\n{text}", CommentMark(0), None)
    else:
        tokens[place].value += text
