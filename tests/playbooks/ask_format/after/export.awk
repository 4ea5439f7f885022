# Prints contacts.txt (lines of "name; phone; town") as tab-separated values, with a header.
BEGIN {
  FS = "; *"
  OFS = "\t"
  print "name", "phone", "town"
}
{ print $1, $2, $3 }
