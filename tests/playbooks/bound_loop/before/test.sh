#!/bin/sh
# What poll.py must do with each state, and not for longer than it takes. Stops at the first that is wrong.
expect() {  # STATUS ARGUMENTS
  wanted=$1; shift
  timeout 30 python3 poll.py "$@" > /dev/null 2>&1
  got=$?
  [ "$got" = "$wanted" ] || { echo "poll.py $*: exit $got instead of $wanted"; exit 1; }
}
expect 0 queue.json a
expect 1 queue.json b
expect 3 queue.json nosuch
expect 4 queue.json c --timeout 0.2
echo "all as it should be"
