import unittest

import durations


class Parse(unittest.TestCase):
    def test_one_part(self):
        self.assertEqual(durations.parse("90s"), 90)
        self.assertEqual(durations.parse("2d"), 172800)

    def test_several_parts(self):
        self.assertEqual(durations.parse("1h30m"), 5400)

    def test_nonsense(self):
        for text in ["", "h", "10", "5m!", "1h 30m"]:
            with self.subTest(text=text), self.assertRaises(ValueError):
                durations.parse(text)


class Show(unittest.TestCase):
    def test_round_trip(self):
        for seconds in [0, 59, 60, 5400, 90061]:
            self.assertEqual(durations.parse(durations.show(seconds)), seconds)


if __name__ == "__main__":
    unittest.main()
