import unittest

import config


class Load(unittest.TestCase):
    def test_all_of_it(self):
        self.assertEqual(
            config.load(),
            {
                "host": "localhost",
                "port": 8080,
                "debug": False,
                "timeout": 2.5,
                "clients": 64,
                "allow": ["/srv/www", "/srv/files"],
            },
        )
