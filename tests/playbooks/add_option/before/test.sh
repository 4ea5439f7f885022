#!/bin/sh
# Tests of topwords; ends with the number of those that fail.
failed=0

expect() {  # TITLE EXPECTED FOUND
  if [ "$2" = "$3" ]; then
    echo "ok: $1"
  else
    echo "FAILED: $1"
    printf 'expected: %s\nfound:    %s\n' "$2" "$3"
    failed=$((failed + 1))
  fi
}

text="the cat and the dog and The bird"

expect "counts, without regard to case" "3 the
2 and
1 bird
1 cat
1 dog" "$(echo "$text" | ./topwords)"

expect "no words, no lines" "" "$(echo "12 34" | ./topwords)"

exit $failed
