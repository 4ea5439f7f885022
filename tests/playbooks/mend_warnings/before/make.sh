#!/bin/sh
# Builds all of it, strictly, and runs it.
set -e
mkdir -p build
clang++-19 -std=c++20 -Wall -Wextra -Wconversion -Wsign-compare -Werror stats.cpp main.cpp -o build/stats
build/stats
