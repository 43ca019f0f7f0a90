#!/bin/sh
# npm run bench: set up, then the benchmarks, in a private view of the machine: nothing of them stays, however they end.
# Arguments go to test/bench/main.ts.
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh bench
PATH=$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin
export PATH
if [ "$(id -u)" = 0 ]; then
	exec tools/private-view.sh node test/bench/main.ts "$@"
fi
exec sudo -E env PATH="$PATH" tools/private-view.sh node test/bench/main.ts "$@"
