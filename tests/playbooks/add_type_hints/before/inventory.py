"""What is in stock."""

from collections import Counter


class Inventory:
    def __init__(self, items=None):
        self.counts = Counter(items or {})

    def add(self, name, count=1):
        self.counts[name] += count

    def take(self, name, count=1):
        """Returns how many there were of those that were wanted."""
        taken = min(count, self.counts[name])
        self.counts[name] -= taken
        return taken

    def missing(self, wanted):
        return {name: n - self.counts[name] for name, n in wanted.items() if n > self.counts[name]}


def total(inventories):
    return sum(sum(each.counts.values()) for each in inventories)
