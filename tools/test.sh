#!/bin/sh
# npm test: set up, then every test. Ends with a line "N passed, N failed". Arguments go to vitest.
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh test
PATH=$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin
export PATH
if [ "$(id -u)" = 0 ]; then
	exec vitest run "$@"
fi
exec sudo -E env PATH="$PATH" vitest run "$@"
