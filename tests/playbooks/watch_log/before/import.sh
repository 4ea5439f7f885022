#!/bin/sh
# Imports orders.csv and writes import.log; import.tmp has the orders that were imported.
{
  echo "begin"
  awk -F, 'NR > 1 { if ($3 ~ /^[0-9]+$/) { print > "import.tmp"; ok++ } else { print "line " NR ": no amount: " $0; bad++ } }
           END { print "end: " ok " imported, " bad + 0 " refused" }' orders.csv
} > import.log.new
mv import.log.new import.log
echo "$(wc -l < import.tmp) imported"
