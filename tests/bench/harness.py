"""What a row of benchmarks is, how it is measured, and how it is shown."""
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE.parents[1] / "build" / "release" / "bin"

Round = dict  # What the programs printed that have run in this round.
Measure = Callable[[Round], float]


@dataclass(frozen=True)
class Peer:
    name: str
    measure: Measure
    must: float | None = None  # The row's value divided by the peer's.


@dataclass(frozen=True)
class Row:
    name: str
    unit: str  # "1/s", "s", "B" or "ratio": values are in base units.
    measure: Measure
    must: float | None = None
    stretch: float | None = None
    less_is_better: bool = False
    peers: Sequence[Peer] = ()
    with_previous: bool = False  # Another measure of the same runs as the row before it.

    def reaches(self, value: float, bar: float) -> bool:
        return value <= bar if self.less_is_better else value >= bar


@dataclass
class Result:
    row: Row
    values: list[float] = field(default_factory=list)
    of_peers: dict[str, list[float]] = field(default_factory=dict)

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    def against(self) -> dict[str, float]:
        return {peer: statistics.median(values) for peer, values in self.of_peers.items()}

    def ratio_to(self, peer: str) -> float:
        return self.value / self.against()[peer]

    def beats(self, peer: Peer) -> bool:
        return self.row.reaches(self.ratio_to(peer.name), peer.must)

    def met(self) -> str:
        """Which bar the value reaches. A row without one of its own has its peers for a bar."""
        row = self.row
        if row.must is not None:
            met_must = row.reaches(self.value, row.must)
        else:
            bars = [self.beats(peer) for peer in row.peers if peer.must is not None]
            if not bars:
                return ""
            met_must = all(bars)
        if met_must and row.stretch is not None and row.reaches(self.value, row.stretch):
            return "stretch"
        return "must" if met_must else "NO"

    def as_json(self) -> dict:
        return {"name": self.row.name, "value": self.value, "unit": self.row.unit, "runs": len(self.values),
                "min": min(self.values), "max": max(self.values), "against": self.against()}


# ---- measuring ----

def command(argv: Sequence[str], measure: str) -> Measure:
    """A program that prints "MEASURE VALUE" lines and fails if what it did was wrong."""
    def take(round_: Round) -> float:
        key = tuple(argv)
        if key not in round_:
            round_[key] = values_of(subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False), argv)
        return round_[key][measure]
    return take


def values_of(done: subprocess.CompletedProcess, argv: Sequence[str]) -> dict[str, float]:
    if done.returncode != 0:
        sys.exit(f"bench: failed ({done.returncode}): {' '.join(argv)}")
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def program(name: str, *arguments, measure: str) -> Measure:
    return command([str(PROGRAMS / name), *map(str, arguments)], measure)


def python(script: str, *arguments, measure: str) -> Measure:
    return command([sys.executable, str(HERE / script), *map(str, arguments)], measure)


def run(rows: Sequence[Row], runs: int) -> list[Result]:
    """Row by row; within a row in rounds of everybody in turn, so that a disturbance meets all alike."""
    results = []
    for row in rows:
        if not row.with_previous or not results:
            rounds = [Round() for _ in range(runs)]
        result = Result(row)
        for number, round_ in enumerate(rounds, start=1):
            progress(f"{row.name} {number}/{runs}")
            result.values.append(row.measure(round_))
            for peer in row.peers:
                result.of_peers.setdefault(peer.name, []).append(peer.measure(round_))
        results.append(result)
    progress("")
    return results


def progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


# ---- showing ----

STEPS = {
    "1/s": [(1e6, "M/s"), (1e3, "k/s"), (1, "/s")],
    "s": [(1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
    "B": [(1 << 20, "MiB"), (10 << 10, "KiB"), (1, "B")],
    "ratio": [(1, "")],
}


def shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    size, name = next((step for step in STEPS[unit] if abs(value) >= step[0]), STEPS[unit][-1])
    scale = 1 << 10 if name == "KiB" else size
    number = value / scale
    digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2
    return f"{number:.{digits}f} {name}".rstrip()


def lines_of(result: Result) -> list[list[str]]:
    row = result.row
    own = [shown(value, row.unit)
           for value in (result.value, min(result.values), max(result.values))]
    bars = [shown(row.must, row.unit), shown(row.stretch, row.unit), result.met()]
    peers = [[peer.name, shown(result.against()[peer.name], row.unit), *ratio_shown(result, peer)]
             for peer in row.peers] or [["", "", "", ""]]
    first, *others = peers
    return [[row.name, *own, *bars, *first]] + [[""] * 7 + other for other in others]


def ratio_shown(result: Result, peer: Peer) -> list[str]:
    ratio = f"{result.ratio_to(peer.name):.3g} ×"
    if peer.must is None:
        return [ratio, ""]
    sign = "≤" if result.row.less_is_better else "≥"
    return [ratio, f"{sign} {peer.must:g} × {'yes' if result.beats(peer) else 'NO'}"]


HEADINGS = ["name", "value", "min", "max", "must", "stretch", "met", "peer", "its value", "ratio", "wanted"]


def table(results: Sequence[Result]) -> str:
    lines = [HEADINGS] + [line for result in results for line in lines_of(result)]
    used = [column for column in zip(*lines) if any(cell for cell in column[1:])]
    widths = [max(map(len, column)) for column in used]
    shown_lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in zip(*used))
    return "\n".join(shown_lines)
