# trim TEXT: prints it without blanks at its ends.
trim() {
  printf '%s\n' "$1" | sed 's/^ *//'
}
