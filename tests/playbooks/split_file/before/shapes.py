"""Shapes, their areas, and how they are written."""

import math


class Circle:
    def __init__(self, radius):
        self.radius = radius

    def area(self):
        return math.pi * self.radius**2


class Rectangle:
    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height


def parse(text):
    """Reads "circle 2" or "rectangle 3 4"."""
    name, *sizes = text.split()
    kinds = {"circle": Circle, "rectangle": Rectangle}
    if name not in kinds:
        raise ValueError(f"no shape: {name}")
    return kinds[name](*map(float, sizes))


def largest(shapes):
    return max(shapes, key=lambda shape: shape.area())
