#!/bin/sh
# npm run bench: set up, then the benchmarks. Arguments go to test/bench/main.ts.
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh bench
PATH=$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin
export PATH
if [ "$(id -u)" = 0 ]; then
	exec node test/bench/main.ts "$@"
fi
exec sudo -E env PATH="$PATH" node test/bench/main.ts "$@"
