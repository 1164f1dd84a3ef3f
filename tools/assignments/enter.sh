# Build a file system that holds what Python needs and nothing else, and run a command in it without any rights.
# Called by `unshare`, as root of new namespaces: sh enter.sh ROOT HIDDEN READABLE... -- COMMAND...
set -e
root=$1
hidden=$2
shift 2

mount -t tmpfs -o size=64m,mode=0755,nosuid,nodev sandbox "$root"
while [ "$1" != "--" ]; do
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")" && touch "$root$1"; fi
  mount --rbind "$1" "$root$1"
  while read -r _ _ _ _ point _; do                                     # what is mounted below it is no more read-only than it was
    case $point in "$root$1" | "$root$1"/*) mount -o remount,bind,ro,nosuid,nodev "$(printf '%b' "$point")" ;; esac
  done < /proc/self/mountinfo
  shift
done
shift
mount -t tmpfs -o size=4k,ro hidden "$root$hidden"                      # the references and cases of the exercises

mkdir -p "$root/proc" "$root/tmp" "$root/dev" "$root/outside"
mount -t proc proc "$root/proc"
for device in null urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
echo 0 > /proc/sys/user/max_user_namespaces                             # no way to become root of a namespace again

cd "$root"
pivot_root . outside
cd /tmp
umount -l /outside
rmdir /outside
# This shell stays the first process of the namespace: when it ends, or whoever called it does, all within ends.
setsid setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@" || exit $?
exit 0
