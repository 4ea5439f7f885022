# Prints contacts.txt (lines of "name; phone; town") in a form for other programs.
BEGIN { FS = "; *" }
{ print $1 "," $2 "," $3 }
