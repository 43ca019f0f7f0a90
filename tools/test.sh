#!/bin/sh
# npm test: set up, then every test. Ends with a line "N passed, N failed". Arguments go to vitest.
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh test
PATH=$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin
export PATH
# The run has a private view of the machine for itself: whatever becomes of it, nothing of it stays. Where there is none,
# vitest says why.
run='
if tools/private-view.sh true 2>/dev/null; then exec tools/private-view.sh vitest run "$@"; fi
exec vitest run "$@"'
if [ "$(id -u)" = 0 ]; then
	exec sh -c "$run" test "$@"
fi
exec sudo -E env PATH="$PATH" sh -c "$run" test "$@"
