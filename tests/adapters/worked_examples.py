"""The worked examples of the document on adapters, written into a folder as a reader would."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "northbound-adapters.md"


def write_examples(folder: Path, northbound: str) -> None:
    """Write every example file, with the address of an operator's API that is there."""
    for block in re.findall(r"```(?:yaml|python)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL):
        name = re.search(r"^# (\S+\.(?:yaml|py))$", block, re.MULTILINE)
        assert name, block
        file = folder / name.group(1)
        file.write_text(block.replace("http://127.0.0.1:8081", northbound))
        if block.startswith("#!"):
            file.chmod(0o755)
