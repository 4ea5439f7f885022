#!/bin/sh
# usage: release.sh VERSION    (needs a clean tree, and VERSION in CHANGES)
[ $# = 1 ] || { echo "usage: release.sh VERSION" >&2; exit 64; }
[ -z "$(git status --porcelain)" ] || { echo "release.sh: the tree is not clean" >&2; exit 1; }
grep -qx "$1" CHANGES || { echo "release.sh: no $1 in CHANGES" >&2; exit 2; }
git tag -a -m "$1" "v$1"
echo "tagged v$1; push it with: git push origin v$1"
