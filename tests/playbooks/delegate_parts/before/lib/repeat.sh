# repeat COUNT TEXT: prints a text so often.
repeat() {
  i=0
  while [ "$i" -le "$1" ]; do
    printf '%s' "$2"
    i=$((i + 1))
  done
  echo
}
