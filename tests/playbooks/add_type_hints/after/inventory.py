"""What is in stock."""

from collections import Counter
from collections.abc import Iterable, Mapping


class Inventory:
    def __init__(self, items: Mapping[str, int] | None = None) -> None:
        self.counts: Counter[str] = Counter(items or {})

    def add(self, name: str, count: int = 1) -> None:
        self.counts[name] += count

    def take(self, name: str, count: int = 1) -> int:
        """Returns how many there were of those that were wanted."""
        taken = min(count, self.counts[name])
        self.counts[name] -= taken
        return taken

    def missing(self, wanted: Mapping[str, int]) -> dict[str, int]:
        return {name: n - self.counts[name] for name, n in wanted.items() if n > self.counts[name]}


def total(inventories: Iterable[Inventory]) -> int:
    return sum(sum(each.counts.values()) for each in inventories)
