#!/bin/sh
# Tests wordcount.sh; run it where that is. Exits 1 if a case fails.
failed=0

expect() { # expect NAME TEXT WORDS
  said=$(printf "$2" | ./wordcount.sh)
  if [ "$said" = "$3" ]; then
    echo "ok    $1"
  else
    echo "FAIL  $1: expected \"$3\", got \"$said\""
    failed=1
  fi
}

expect 'one line' 'the quick brown fox\n' 4
expect 'two lines and spare spaces' '  one \n two   three\n' 3
expect 'an empty text' '' 0
exit $failed
