"""Fails where a function of a module has a parameter or result without a type."""

import importlib
import inspect
import sys
import typing


def functions_of(module):
    for name, value in vars(module).items():
        if inspect.isfunction(value):
            yield name, value
        if inspect.isclass(value) and value.__module__ == module.__name__:
            for each, method in vars(value).items():
                if inspect.isfunction(method):
                    yield f"{name}.{each}", method


def main():
    bare = 0
    module = importlib.import_module(sys.argv[1])
    for name, function in functions_of(module):
        hints = typing.get_type_hints(function)
        wanted = [p for p in inspect.signature(function).parameters if p != "self"] + ["return"]
        for each in wanted:
            if each not in hints:
                print(f"{name}: {each} has no type")
                bare += 1
    print(f"{bare} without a type")
    return bare > 0


sys.exit(main())
