from .kinds import Circle, Rectangle


def parse(text):
    """Reads "circle 2" or "rectangle 3 4"."""
    name, *sizes = text.split()
    kinds = {"circle": Circle, "rectangle": Rectangle}
    if name not in kinds:
        raise ValueError(f"no shape: {name}")
    return kinds[name](*map(float, sizes))
