#!/bin/sh
# Sets this machine up for one purpose and says what it does: sh tools/setup.sh run|test|check|bench
# Idempotent and quick when there is nothing to do. Needs Debian 12 (or newer), npm and, unless root, sudo.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
	printf 'setup: %s\n' "$*" >&2
	exit 4
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "this needs root for: $* ; run it as root, or install sudo"
	fi
}

# What each purpose needs: command or file that shows it is there, and the package that brings it.
packages_run='
clang=clang
/usr/include/bpf/bpf_helpers.h=libbpf-dev
/usr/lib/*/libbpf.so.1=libbpf1
gcc=gcc
/usr/include/stdio.h=libc6-dev
/usr/include/linux/bpf.h=linux-libc-dev
ip=iproute2
unshare=util-linux
setpriv=util-linux
ping=iputils-ping
socat=socat
openssl=openssl
sysctl=procps
kubectl=kubernetes-client
iptables=iptables
ethtool=ethtool
curl=curl
busybox=busybox
'
packages_test="$packages_run
bpftool=bpftool
dig=bind9-dnsutils
wrk=wrk
strace=strace
fish=fish
zsh=zsh
/usr/lib/*/libseccomp.so.2=libseccomp2
chromium=chromium
/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf=fonts-dejavu-core
"
packages_check="$packages_run
bpftool=bpftool
clang-format=clang-format
protoc=protobuf-compiler
/usr/include/google/protobuf/timestamp.proto=libprotobuf-dev
"
packages_bench="$packages_run
iperf3=iperf3
bpftool=bpftool
chromium=chromium
/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf=fonts-dejavu-core
"
case $purpose in
run) wanted=$packages_run ;;
test) wanted=$packages_test ;;
check) wanted=$packages_check ;;
bench) wanted=$packages_bench ;;
*) die "unknown purpose '$purpose'; it is one of run, test, check, bench" ;;
esac

# Some of these are in /usr/sbin, which a user's PATH may not have.
PATH=$PATH:/usr/sbin:/sbin
present() {
	case $1 in
	/*)
		# Unquoted on purpose: the path may be a pattern.
		for file in $1; do [ -e "$file" ] && return 0; done
		return 1
		;;
	*) command -v "$1" >/dev/null 2>&1 ;;
	esac
}

missing=
for pair in $wanted; do
	present "${pair%=*}" || case " $missing " in *" ${pair#*=} "*) ;; *) missing="$missing ${pair#*=}" ;; esac
done
if [ -n "$missing" ]; then
	command -v apt-get >/dev/null 2>&1 || die "missing packages:$missing ; this script installs them with apt-get on Debian only"
	say "installing$missing"
	as_root apt-get update -qq || die "apt-get update failed; is a Debian mirror configured in /etc/apt/sources.list?"
	# shellcheck disable=SC2086 # one word a package
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2 ||
		die "apt-get could not install:$missing"
fi

# fetch_programs PACKAGE WITHOUT PROGRAM...: into build/tools. To install the whole package would start a server. WITHOUT says
# what is left out where it cannot be had.
fetch_programs() {
	package=$1
	without=$2
	shift 2
	absent=
	for program in "$@"; do
		[ -x "build/tools/$program" ] || command -v "$program" >/dev/null 2>&1 || absent=yes
	done
	[ -n "$absent" ] || return 0
	say "fetching $package"
	fetched=$(mktemp -d)
	if (cd "$fetched" && { apt-get download -qq "$package" || { as_root apt-get update -qq && apt-get download -qq "$package"; }; } >&2 &&
		dpkg-deb --extract ./*.deb root); then
		mkdir -p build/tools
		for program in "$@"; do
			find "$fetched/root" -type f -perm -u+x -name "$program" -exec mv {} build/tools/ ';'
		done
	else
		say "$package cannot be fetched: $without"
	fi
	rm -rf "$fetched"
}
if [ "$purpose" = test ]; then
	fetch_programs prometheus 'the test of metrics will be skipped' promtool
	fetch_programs runc 'tests with containerd will be skipped' runc
	fetch_programs containerd 'tests with containerd will be skipped' containerd containerd-shim-runc-v2 ctr
	fetch_programs containernetworking-plugins 'tests with containerd will be skipped' loopback
fi

# npm dependencies, among them Node 24 itself. Skipped while the lock file is the one that was installed.
stamp=node_modules/.membrane-lock
if ! cmp -s package-lock.json "$stamp" || [ ! -x node_modules/.bin/node ]; then
	say "installing npm dependencies"
	# A tree that was copied as hard links (cp -al) must not say of its sisters what is installed there.
	rm -f "$stamp" node_modules/.package-lock.json
	# Not npm ci: it refuses a lock file without the packages of other platforms, which not every registry has.
	npm install --no-save --no-audit --no-fund --loglevel=error >&2 || die "npm install failed; is the npm registry reachable?"
	node_modules/.bin/node --version >/dev/null 2>&1 ||
		die "the Node.js that came with npm does not run; its install script must be allowed to run"
	cp package-lock.json "$stamp"
fi

PATH=$PWD/node_modules/.bin:$PATH
export PATH
node tools/build-bpf.ts
node tools/build-cni.ts
node tools/build-ui.ts
node tools/build-program.ts
# Compiles what an agent is made of, as the launcher keeps it: one that has to begin with that is 20 MB larger all its life.
./membrane agent --help-config >/dev/null
