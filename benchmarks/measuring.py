"""What the measurements share: server processes, interleaved rounds, medians, and a table."""

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROUNDS = 5


@contextmanager
def server(module: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """A server in a process of its own that prints its port when it is ready; gives process id and port."""
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:  # noqa: S603
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.strip().isdecimal():
                raise SystemExit(f"{' '.join(command[1:])} did not start: {line or 'no output'}")
            yield process.pid, int(line)
        finally:
            process.terminate()


def interleaved(variants: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Measure every variant once per round, so that what else the machine does hits all alike."""
    results: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds):
        order = list(variants)[:: 1 if number % 2 == 0 else -1]
        for name in order:
            results[name].append(variants[name]())
    return results


def print_table(title: str, unit: str, results: Mapping[str, list[float]], baseline: str | None = None) -> None:
    """Median and extremes; with a baseline, the ratio of medians to it."""
    print(f"\n{title} ({unit}, median of {len(next(iter(results.values())))}, variants interleaved)")
    width = max(map(len, results))
    reference = statistics.median(results[baseline]) if baseline else None
    print(f"{'':{width}}  {'median':>10}  {'min':>10}  {'max':>10}  {'ratio' if reference else ''}")
    for name, values in results.items():
        median = statistics.median(values)
        ratio = f"{median / reference:5.2f}" if reference else ""
        shown = (f"{value:>10,.{0 if value >= 1000 else 1}f}" for value in (median, min(values), max(values)))
        print(f"{name:{width}}  {'  '.join(shown)}  {ratio}")


def cpu_seconds(process_id: int) -> float | None:
    """Processor time that a process has used, where /proc tells."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / 100
