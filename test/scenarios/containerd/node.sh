#!/bin/sh
# Inside a private view: makes of it a machine as container runtimes expect one, and stays.
set -eu
mount --make-rshared /
# As on a host without cgroup v1: what a container is put into lies in this view and ends with it.
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
# What is written there is the node's own.
for folder in etc opt var; do
	mkdir -p "/run/own/$folder/upper" "/run/own/$folder/work"
	mount -t overlay -o "lowerdir=/$folder,upperdir=/run/own/$folder/upper,workdir=/run/own/$folder/work" overlay "/$folder"
done
exec sleep infinity
