import unittest

import shapes


class Shapes(unittest.TestCase):
    def test_areas(self):
        self.assertAlmostEqual(shapes.parse("circle 1").area(), 3.14159, places=5)
        self.assertEqual(shapes.parse("rectangle 3 4").area(), 12)

    def test_largest(self):
        all_shapes = [shapes.Rectangle(1, 2), shapes.Circle(1), shapes.Rectangle(1, 3)]
        self.assertIs(shapes.largest(all_shapes), all_shapes[1])

    def test_unknown(self):
        with self.assertRaises(ValueError):
            shapes.parse("line 1")
