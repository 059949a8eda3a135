#!/bin/sh
# overview.sh [BASE] - what a change touches, and lines worth a second look.
# BASE: a commit or branch; compared from where the two parted. Default: the
# last commit, so that changes not yet committed are shown.
# Reads only; needs git and awk.
set -eu

case ${1-} in
-h|--help)
	echo "usage: overview.sh [BASE]"
	exit 0
	;;
-*)
	echo "overview.sh: unknown option $1" >&2
	exit 2
	;;
esac

if ! top=$(git rev-parse --show-toplevel 2>/dev/null); then
	echo "overview.sh: not in a git repository" >&2
	exit 2
fi
cd "$top"

if [ $# -gt 0 ]; then
	if ! base=$(git merge-base "$1" HEAD 2>/dev/null); then
		echo "overview.sh: no such commit or branch: $1" >&2
		exit 2
	fi
elif ! base=$(git rev-parse --verify -q HEAD); then
	# Before the first commit: compare with the empty tree.
	base=$(git hash-object -t tree /dev/null)
fi

echo "== Files (added, removed, path) against $(printf '%.12s' "$base")"
git diff --no-ext-diff --no-color --numstat "$base" -- |
    sort -rn | head -n 200

echo
echo "== Not tracked"
git ls-files --others --exclude-standard | head -n 50

echo
echo "== Signs in added lines (hints to look at, not findings)"
git diff --no-ext-diff --no-color --unified=0 "$base" -- | awk '
function sign(what) {
	if (++count > 200)
		exit
	printf "%s:%d: %s: %s\n", file, line, what, substr(text, 1, 100)
}
/^\+\+\+ / {
	file = substr($0, 5)
	sub(/^b\//, "", file)
	next
}
/^@@ / {
	split($3, at, /[+,]/)
	line = at[2] - 1
	next
}
/^\+/ {
	line++
	text = substr($0, 2)
	low = tolower(text)
	if (text ~ /^(<<<<<<<|>>>>>>>)( |$)/)
		sign("conflict marker")
	if (low ~ /(^|[^a-z])(todo|fixme|xxx|hack)([^a-z]|$)/)
		sign("unfinished")
	if (text ~ /console\.log|debugger;|var_dump|pdb\.set_trace|dbg!\(/)
		sign("debugging")
	if (text ~ /@(Ignore|Disabled)|\.skip\(|\.only\(|xit\(|t\.Skip\(/)
		sign("disabled test")
	if (text ~ /BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z][0-9A-Z][0-9A-Z]/)
		sign("possible secret")
	else if (low ~ /(password|passwd|secret|api_?key|token)["'\'' ]*[:=] *["'\''][^"'\'' ]+["'\'']/)
		sign("possible secret")
	if (text ~ /(^|[^a-zA-Z_])(eval|system|popen|exec)\(|shell=True/)
		sign("runs code")
	if (text ~ /(^|[^a-zA-Z_])(strcpy|strcat|sprintf|gets)\(/)
		sign("no bounds")
	if (text ~ /innerHTML|dangerouslySetInnerHTML|verify=False/)
		sign("risky")
	if (text ~ /except *:|catch *\( *\.\.\. *\)|catch *\([^)]*\) *\{ *\}/)
		sign("swallows errors")
	if (length(text) > 300)
		sign("very long line")
	next
}'
