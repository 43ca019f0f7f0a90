#!/bin/bash
# Runs a command in a private view of the machine: tools/private-view.sh COMMAND [ARGUMENT...]
#
# A network without devices, processes, a cgroup, and mounts of its own (/proc, /sys, the BPF file system, cgroup v2, /run,
# temporary files); all other files are the machine's. Views may be nested and stand side by side. Whatever was made inside
# ends with the command, with this script, or with whoever called it, however any of them ends. Needs root.
# Exits as the command did; 125: there was no view to run it in.
set -u

if [ "${1-}" = --as-init ]; then
	# The first process of the new namespaces. It stays, because only the first process reaps what others leave behind.
	fail() {
		printf 'private view: %s\n' "$*" >&2
		exit 125
	}
	cgroups=$2
	temporary=$3
	shift 3
	mount -t sysfs sysfs /sys || fail 'no sysfs'
	# Where the machine has it, because the mounts beneath are still listed.
	if [ "$cgroups" != /sys/fs/cgroup ]; then
		mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup && mkdir -p "$cgroups" || fail "no directory $cgroups"
	fi
	mount -t cgroup2 cgroup2 "$cgroups" || fail 'no cgroup v2'
	mount -t bpf -o mode=700 bpf /sys/fs/bpf || fail 'no BPF file system'
	mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/lock /run/netns || fail 'no /run'
	mount -t tmpfs -o mode=1777 tmpfs "$temporary" || fail "no $temporary"
	ip link set lo up || fail 'no loopback'
	export TMPDIR="$temporary"
	"$@"
	exit $?
fi

# Whoever called may be killed: that ends this script, too.
if [ "${1-}" != --in-view ]; then exec setpriv --pdeathsig TERM -- "$BASH" "$0" --in-view "$@"; fi
shift

fail() {
	printf 'private view: %s\n' "$*" >&2
	exit 125
}
cgroups=
while read -r _ path type _; do
	if [ "$type" = cgroup2 ]; then
		cgroups=$path
		break
	fi
done </proc/mounts
[ -n "$cgroups" ] || fail 'this machine has no cgroup v2'
own=$(mktemp --dry-run "$cgroups/mbr-view-XXXXXX")
# What is written there is in memory; this is where it is mounted. Short, because paths of sockets have to be.
temporary=$(mktemp --dry-run "${TMPDIR:-/tmp}/mbr-XXXXXX")

# Ends the cgroup with all that is in it as soon as nobody holds the other end of its input any more: also when this script
# is killed. A session of its own, so that what is sent to the whole group does not reach it. There before what it removes.
remover='
cat >/dev/null
until [ ! -d "$1" ]; do
	echo 1 >"$1/cgroup.kill"
	find "$1" -depth -type d -exec rmdir {} + && break
	sleep 0.02
done
[ ! -d "$2" ] || rmdir "$2"'
exec {life}> >(exec setsid "$BASH" -c "$remover" remover "$own" "$temporary" >/dev/null 2>&1)
removal=$!
finish() {
	exec {life}>&-
	wait "$removal"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$own" || fail "no cgroup in $cgroups"
mkdir -m 700 "$temporary" || fail 'no directory for temporary files'

# In the background, because the shell hears no signal while it waits for what is in front; what is in the background would
# ignore interrupts and have no input.
enter='echo $$ >"$1/cgroup.procs" && shift && exec "$@"'
"$BASH" -c "$enter" enter "$own" env --default-signal=INT,QUIT \
	unshare --net --mount --cgroup --pid --fork --kill-child --mount-proc --propagation private \
	"$BASH" "$0" --as-init "$cgroups" "$temporary" "$@" <&0 {life}>&- &
wait $!
exit $?
