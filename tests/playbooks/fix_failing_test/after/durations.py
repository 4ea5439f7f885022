"""Lengths of time as people write them: "90s", "1h30m", "2d"."""

import re

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PART = re.compile(r"(\d+)([smhd])")
WHOLE = re.compile(r"(\d+[smhd])+")


def parse(text):
    """Returns the seconds that a text says. Raises ValueError if it says none."""
    if not WHOLE.fullmatch(text):
        raise ValueError(f"not a length of time: {text!r}")
    return sum(int(number) * SECONDS[unit] for number, unit in PART.findall(text))


def show(seconds):
    """Returns the shortest text for so many seconds."""
    text = ""
    for unit in "dhms":
        count, seconds = divmod(seconds, SECONDS[unit])
        if count:
            text += f"{count}{unit}"
    return text or "0s"
