#!/bin/sh
. lib/trim.sh
. lib/repeat.sh
failed=0
expect() {
  [ "$2" = "$3" ] || { echo "FAILED: $1: \"$3\""; failed=1; }
}
expect trim "a b" "$(trim '  a b ')"
expect repeat "ababab" "$(repeat 3 ab)"
expect "repeat 0" "" "$(repeat 0 ab)"
[ $failed = 0 ] && echo "all pass"
exit $failed
