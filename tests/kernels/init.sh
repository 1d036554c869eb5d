#!/bin/busybox sh
# The first process of a guest: mounts, /t/run.sh with the words below, power off. What it prints is the guest's only way out.
/bin/busybox mkdir -p /bb /proc /sys /dev /tmp /run /var/run /root
/bin/busybox --install -s /bb
export PATH=/t:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/bb HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t securityfs security /sys/kernel/security 2>/dev/null
mount -t tmpfs groups /sys/fs/cgroup
ln -sf /proc/self/fd /dev/fd
ip link set lo up
dmesg -n 1

# groups v1|v2: how control groups are laid out.
groups() {
  if [ "$1" = v2 ]; then mount -t cgroup2 v2 /sys/fs/cgroup; return; fi
  for controller in memory cpu pids freezer devices; do
    mkdir /sys/fs/cgroup/$controller
    mount -t cgroup -o $controller $controller /sys/fs/cgroup/$controller 2>/dev/null || rmdir /sys/fs/cgroup/$controller
  done
}

# start COMMAND…: a workload that has said `ready`; the one before it ends.
started=0
start() {
  stop
  started=$((started + 1))
  [ "$1" != chroot ] || [ -e "$2/proc/self" ] || mount -t proc proc "$2/proc"   # programs look for themselves there
  "$@" > /tmp/workload-$started 2>&1 < /dev/null &
  target=$!
  until grep -q ready /tmp/workload-$started; do
    kill -0 $target 2>/dev/null || { echo "@@lost $*: $(tail -c 300 /tmp/workload-$started | tr '\n' ' ')"; break; }
    sleep 0.1
  done
}
stop() {
  [ -z "${target:-}" ] || { kill -9 $target; wait $target; } 2>/dev/null
  target=
}

# with CAPABILITIES COMMAND…: `all`, or exactly these (the shell takes its own setpriv unless the path is given).
with() {
  rights=$1
  shift
  [ "$rights" = all ] && { "$@"; return; }
  /usr/bin/setpriv --inh-caps=-all --bounding-set="-all,$rights" "$@"
}

# cell NAME CAPABILITIES PARAMS: one run of the agent; its exit code, output and files go out as one line.
cell() {
  rm -rf /tmp/cell
  mkdir -p /tmp/cell
  before=$(cut -d' ' -f1 /proc/uptime)
  params=$(echo "$3" | sed "s/@PID/${target:-0}/") with "$2" sampan > /tmp/cell/out 2> /tmp/cell/err
  echo $? > /tmp/cell/code
  echo "$before $(cut -d' ' -f1 /proc/uptime)" > /tmp/cell/uptime
  # Busy serial lines cost: two lines of text at most, packed.
  echo "@@cell $1 $(tar -C /tmp/cell -c . | gzip -1 | base64 -w 0)"
}

# unit NAME: a program of unit tests; its end goes out as one line.
unit() {
  /t/$1 --gtest_color=no --gtest_brief=1 > /tmp/unit 2>&1
  code=$?
  echo "@@unit $1 $code $(tail -c 20000 /tmp/unit | gzip -1 | base64 -w 0)"
}

# container GROUP COMMAND…: a workload in a control group and a PID namespace of its own.
container() {
  group=$1
  shift
  for root in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
    [ -e "$root" ] || continue
    folder=${root%/cgroup.procs}
    [ "$folder" = /sys/fs/cgroup ] || [ -e "$folder/tasks" ] || continue
    mkdir -p "$folder/$group"
    entered="${entered:-} $folder/$group/cgroup.procs"
  done
  start sh -c 'for procs in '"$entered"'; do echo 0 > $procs; done; exec /usr/bin/unshare -p -f -m --mount-proc --kill-child "$@"' sh "$@"
  entered=
}

echo "@@booted $(uname -r) $(uname -m) page $(getconf PAGESIZE 2>/dev/null) paranoid $(cat /proc/sys/kernel/perf_event_paranoid)"
. /t/run.sh
echo "@@end"
poweroff -f
