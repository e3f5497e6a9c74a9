"""Measures what was named, or everything; prints one table and keeps the figures in `bench/results`."""

import json
import os
import platform
import signal
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from .figure import Figure

MEASUREMENTS = ("fire", "deadline", "standing", "catch_up", "timers", "rebase", "pure", "start")
RESULTS = Path(__file__).parent / "results"
LONGEST = 360
"""Seconds: a measurement that takes longer is broken off."""
console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)


def main(names: list[str]) -> int:
    """Exit status: 0 measured, whether or not a target was met; 1 a measurement broke; 2 no such measurement."""
    if unknown := set(names) - set(MEASUREMENTS):
        print(f"no measurement {', '.join(sorted(unknown))}; there are: {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGALRM, _too_long)
    found = {name: _measured(name) for name in names or MEASUREMENTS}
    machine = _machine()
    console.print(_table({name: figures for name, (figures, _) in found.items()}, machine))
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    figures = {name: [asdict(figure) for figure in figures] for name, (figures, _) in found.items()}
    kept.write_text(json.dumps({"machine": machine, "figures": figures}, ensure_ascii=False, indent=1) + "\n")
    return 0 if all(whole for _, whole in found.values()) else 1


def _measured(name: str) -> tuple[list[Figure], bool]:
    """The figures, and whether it went through to its end."""
    figures: list[Figure] = []
    begun = time.monotonic()
    signal.alarm(LONGEST)
    try:
        # what was measured before it broke stays
        figures.extend(import_module(f"bench.{name}").measure())
    except Exception:  # noqa: BLE001 - said, and the others are still measured
        console.print_exception(max_frames=4, extra_lines=0)
        return figures, False
    finally:
        signal.alarm(0)
        console.print(f"{name}: {time.monotonic() - begun:.0f} s")
    return figures, True


def _too_long(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"the measurement took longer than {LONGEST} s")


def _machine() -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    models = {line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": ", ".join(sorted(models)) or platform.machine(),
        "memory": f"{memory:.1f} GiB",
        "python": platform.python_version(),
    }


def _table(found: dict[str, list[Figure]], machine: dict[str, Any]) -> Table:
    title = "Banjie on {cores} cores ({processor}), {memory}, Python {python}".format(**machine)
    table = Table("measured", "", "ratio to", "target", title=title, title_justify="left")
    table.columns[1].justify = "right"
    for figures in found.values():
        for figure in figures:
            verdict = {None: "", True: " ✓", False: " ✗"}[figure.met]
            ratio = f"{figure.ratio:.2f} × {figure.against}" if figure.ratio is not None else ""
            style = "red" if figure.met is False else ""
            table.add_row(
                figure.what, f"{_short(figure.value)} {figure.unit}", ratio, figure.target + verdict, style=style
            )
        table.add_section()
    return table


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
