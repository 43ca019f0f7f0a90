#!/bin/bash
# wget as images of BusyBox and Alpine have it: Debian's BusyBox has no -T. It is how long an answer may take as a whole,
# where theirs is how long it may pause.

limit=0 pass=()
fail() {
	echo "wget: $*" >&2
	exit 1
}
while [ $# -gt 0 ]; do
	word=$1 option=$1 value=
	shift
	case $word in
	--timeout=*) limit=${word#*=} && continue ;;
	--timeout) option=T ;;
	--header | --post-data | --post-file | --output-document | --output-file | --directory-prefix | --proxy | --user-agent | --tries)
		pass+=("$word" "$1") && shift && continue
		;;
	--*) pass+=("$word") && continue ;;
	-?*)
		# Flags may stand before it, in one word: -qT5.
		flags=${word#-}
		flags=${flags%%[OoPUYTtS]*}
		value=${word:$((${#flags} + 2))}
		option=${word:$((${#flags} + 1)):1}
		[ -z "$flags" ] || pass+=("-$flags")
		# Has no value of its own, and may have flags behind it.
		if [ "$option" = S ]; then
			pass+=(-S)
			[ -z "$value" ] || set -- "-$value" "$@"
			continue
		fi
		[ -n "$option" ] || continue
		;;
	*) pass+=("$word") && continue ;;
	esac
	if [ -z "$value" ]; then
		[ $# -gt 0 ] || fail "option requires an argument -- '${option#-}'"
		value=$1
		shift
	fi
	if [ "$option" = T ]; then limit=$value; else pass+=("-$option" "$value"); fi
done
[[ "$limit" =~ ^[0-9]+$ ]] || fail "invalid number '$limit'"
timeout --foreground "$limit" /usr/bin/busybox wget "${pass[@]}"
status=$?
[ $status -ne 124 ] || fail 'download timed out'
exit $status
