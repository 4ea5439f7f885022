"""The settings of the server."""

import tomllib


def load(path="server.toml"):
    with open(path, "rb") as file:
        tables = tomllib.load(file)
    return {name: value for table in tables.values() for name, value in table.items()}
