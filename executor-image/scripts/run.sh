# Runs one command in a container. POSIX sh: any image with /bin/sh can run this.
#
#   $1  the command, given to `sh -c` exactly as it came
#   $2  how many seconds it may run
#
# The exit code is the command's own; 124 if its time ran out. The command runs in the background so that this shell can
# pass on a SIGTERM and watch the clock. Nothing is printed here: the log is the command's alone.

limit=$2
/bin/sh -c "$1" <&0 &
child=$!
# Shells report a child that a signal killed; the exit code says it already.
exec 2>/dev/null

on_term() {
    signalled=1
    kill -TERM "$child"
}

on_expiry() {
    signalled=1 expired=1
    kill -TERM "$child"
    # A command that ignores SIGTERM has 10 seconds.
    (sleep 10; kill -KILL "$child") >/dev/null &
}

trap on_term TERM INT
trap on_expiry USR1

(
    trap 'kill "$nap"; exit 0' TERM
    sleep "$limit" &
    nap=$!
    wait "$nap" && kill -USR1 "$$"
) >/dev/null &
clock=$!

signalled=
wait "$child"
code=$?
# A trapped signal ends `wait` early: wait again until the command itself has ended.
while [ -n "$signalled" ]; do
    signalled=
    wait "$child"
    again=$?
    # 127: there is nothing left to wait for, so the code before it was the command's.
    [ "$again" -eq 127 ] || code=$again
done

kill "$clock"
[ -z "$expired" ] || code=124
exit "$code"
