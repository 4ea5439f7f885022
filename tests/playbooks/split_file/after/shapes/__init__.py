"""Shapes, their areas, and how they are written."""

from .kinds import Circle, Rectangle, largest
from .text import parse

__all__ = ["Circle", "Rectangle", "largest", "parse"]
