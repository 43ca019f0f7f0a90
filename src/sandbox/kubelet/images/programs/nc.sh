#!/bin/bash
# nc as images of BusyBox and Alpine have it: Debian's BusyBox has no -z, -v, -n, -u and -k.
# nc [-znvukl] [-w SECONDS] [-p PORT] [-e PROGRAM] [HOST] PORT

scan= loud= datagrams= wait= pass=()
fail() {
	echo "nc: $*" >&2
	exit 1
}
while getopts :46znvukli:w:p:s:e:f:o: option; do
	case $option in
	z) scan=1 ;;
	v) loud=1 ;;
	u) datagrams=1 ;;
	w) wait=$OPTARG && pass+=(-w "$OPTARG") ;;
	l) pass+=(-l) ;;
	k) pass+=(-l) ;; # Twice is for as long as it runs.
	i | p | e | f) pass+=("-$option" "$OPTARG") ;;
	4 | n) ;;
	*) fail "the sandbox's nc does not have -${OPTARG:-$option}" ;;
	esac
	# All that is behind it is the program's.
	[ "$option" != e ] || break
done
shift $((OPTIND - 1))
listens=
[[ " ${pass[*]} " == *' -l '* ]] && listens=1

if [ -z "$scan$datagrams" ]; then
	[ -z "$loud" ] || [ -z "$listens" ] || echo 'listening' >&2
	exec /usr/bin/busybox nc "${pass[@]}" "$@"
fi
[ -z "$listens" ] || fail "the sandbox's nc does not listen for datagrams"
[ $# -eq 2 ] || fail 'a host and a port are needed'
kind=tcp
[ -z "$datagrams" ] || kind=udp
place="/dev/$kind/$1/$2"
limit=()
[ -z "$wait" ] || limit=(timeout "$wait")

if [ -n "$scan" ]; then
	"${limit[@]}" bash -c ': <>"$0"' "$place" 2>/dev/null || {
		[ -z "$loud" ] || echo "nc: $1 ($2): not reached" >&2
		exit 1
	}
	[ -z "$loud" ] || echo "$1 ($2) open" >&2
	exit 0
fi
exec 3<>"$place" || exit 1
"${limit[@]}" cat <&3 &
cat >&3
# Who answers a datagram never says that it was all.
wait $!
exit 0
