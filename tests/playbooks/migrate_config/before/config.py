"""The settings of the server."""

import configparser


def load(path="server.ini"):
    parser = configparser.ConfigParser()
    with open(path) as file:
        parser.read_file(file)
    return {
        "host": parser["server"]["host"],
        "port": parser.getint("server", "port"),
        "debug": parser.getboolean("server", "debug"),
        "timeout": parser.getfloat("limits", "timeout"),
        "clients": parser.getint("limits", "clients"),
        "allow": [part.strip() for part in parser["paths"]["allow"].split(",")],
    }
