#!/bin/sh
# npm start: set up, then the sandbox with its demonstration. Arguments go to the demonstration.
set -eu
cd "$(dirname "$0")/.."
sh tools/setup.sh run
PATH=$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin
export PATH
if [ "$(id -u)" = 0 ]; then
	exec node src/cli/main.ts sandbox demo "$@"
fi
exec sudo -E env PATH="$PATH" node src/cli/main.ts sandbox demo "$@"
