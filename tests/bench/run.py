"""Measures the rows of rows.py that the arguments name; called by scripts/bench, which has built what runs here."""
import argparse
import json
import pathlib
import sys

import harness
from rows import ROWS


def load() -> str:
    return pathlib.Path("/proc/loadavg").read_text(encoding="ascii").split()[0]


def chosen(prefixes):
    rows = [row for row in ROWS if not prefixes or any(row.name.startswith(prefix) for prefix in prefixes)]
    if not rows:
        sys.exit(f"bench: nothing is named {' or '.join(prefixes)}…; there are: {' '.join(row.name for row in ROWS)}")
    return rows


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()

    before = load()
    results = harness.run(chosen(arguments.names), runs=2 if arguments.quick else 5)
    print(harness.table(results))
    print(f"\nmedians of {len(results[0].values)} runs; load of the machine {before} before, {load()} after")
    if arguments.json:
        text = json.dumps([result.as_json() for result in results], indent=2)
        arguments.json.write_text(text + "\n", encoding="utf-8")


main()
