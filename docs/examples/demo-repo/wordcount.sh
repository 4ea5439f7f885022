#!/bin/sh
# Counts words: wordcount.sh [FILE...]; without a file it reads standard input.
awk '{ words += NF } END { print words }' "$@"
