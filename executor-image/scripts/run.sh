# Runs one command in a container. POSIX sh: any image with /bin/sh can run this.
#
#   $1  the volume that prepare.sh has filled; `-` where there is none
#   $2  the command, given to `sh -c` exactly as it came; a file `command` on the volume takes its place
#   $3  how many seconds it may run
#
# The exit code is the command's own; 124 if its time ran out; 125 if there is nothing to run because prepare.sh failed.
# The command runs in the background so that this shell can pass on a SIGTERM and watch the clock, and in a process group
# of its own. Nothing is printed here but a mark at the log's end, which the feed takes away. Every name is RUNVOY_*, which no user's variable
# can be: one of theirs would be exported with our value.

# shellcheck disable=SC2030,SC2031,SC2329  # subshells with a PATH of their own; handlers

RUNVOY_VOLUME=${1#-} RUNVOY_LIMIT=$3
RUNVOY_CHILD='' RUNVOY_SIGNALLED='' RUNVOY_STOPPING='' RUNVOY_EXPIRED='' RUNVOY_TOLD=''

# State, parent and group of the process $1.
look() {
    { read -r RUNVOY_LINE <"/proc/$1/stat"; } 2>/dev/null || return 1
    # The program's name may hold anything; what follows its parenthesis are words.
    # shellcheck disable=SC2086
    set -- ${RUNVOY_LINE##*) }
    RUNVOY_STATE=$1 RUNVOY_PARENT=$2 RUNVOY_GROUP=$3
}

children() {
    for RUNVOY_PROCESS in /proc/[0-9]*; do
        look "${RUNVOY_PROCESS#/proc/}" && [ "$RUNVOY_PARENT" = "$1" ] && echo "${RUNVOY_PROCESS#/proc/}"
    done
}

# Whether the process $1 has a handler for SIGTERM, or ignores it: bit 14 of a hexadecimal mask.
handles_term() {
    while read -r RUNVOY_NAME RUNVOY_MASK; do
        case $RUNVOY_NAME$RUNVOY_MASK in SigCgt:*[4567cdef]??? | SigIgn:*[4567cdef]???) return 0 ;; esac
    done 2>/dev/null <"/proc/$1/status"
    return 1
}

# SIGTERM for the command. A process without a handler dies of it and leaves its children, which would be killed with the
# container: a script's shell its terraform. So what such a process has started gets the signal too.
terminate() {
    set -- "$RUNVOY_CHILD"
    while [ "$#" -gt 0 ]; do
        RUNVOY_KIN=$(handles_term "$1" || children "$1")
        kill -TERM "$1"
        RUNVOY_TOLD="$RUNVOY_TOLD $1"
        shift
        # shellcheck disable=SC2086
        set -- "$@" $RUNVOY_KIN
    done
}

# Whether one that got the signal is still there; its number must not be another's by now.
told_live() {
    for RUNVOY_PROCESS in $RUNVOY_TOLD; do
        look "$RUNVOY_PROCESS" && [ "$RUNVOY_STATE" != Z ] && [ "$RUNVOY_GROUP" = "$RUNVOY_CHILD" ] && return 0
    done
    return 1
}

on_term() {
    RUNVOY_SIGNALLED=1 RUNVOY_STOPPING=1
    [ -z "$RUNVOY_CHILD" ] || terminate
}

on_expiry() {
    RUNVOY_EXPIRED=1
    on_term
    # What ignores SIGTERM has 10 seconds.
    (pause 10; kill -KILL "-$RUNVOY_CHILD" || kill -KILL "$RUNVOY_CHILD") >/dev/null 3>&- &
}

# Our own programs are found whatever the user's PATH is.
pause() {
    PATH=$PATH:/usr/bin:/bin sleep "$1"
}

clock() {
    trap 'kill "$RUNVOY_NAP"; exit 0' TERM
    PATH=$PATH:/usr/bin:/bin
    sleep "$RUNVOY_LIMIT" &
    RUNVOY_NAP=$!
    wait "$RUNVOY_NAP" && kill -USR1 "$$"
}

# A shell with job control gives background jobs a group of their own. Without, as dash and busybox without a terminal,
# `setsid` does, and `env` takes back that such jobs ignore SIGINT and SIGQUIT, as far as there are these two.
start() {
    set -m 2>/dev/null
    case $- in
        *m*)
            "$@" <&0 2>&3 3>&- &
            RUNVOY_CHILD=$!
            return
            ;;
    esac
    RUNVOY_ENV=$(PATH=$PATH:/usr/bin:/bin; command -v env)
    "$RUNVOY_ENV" --default-signal=INT,QUIT "$RUNVOY_ENV" >/dev/null 2>&1 &&
        set -- "$RUNVOY_ENV" --default-signal=INT,QUIT "$@"
    RUNVOY_SETSID=$(PATH=$PATH:/usr/bin:/bin; command -v setsid) && set -- "$RUNVOY_SETSID" "$@"
    "$@" <&0 2>&3 3>&- &
    RUNVOY_CHILD=$!
}

set -- /bin/sh -c "$2"
if [ -n "$RUNVOY_VOLUME" ]; then
    { { read -r RUNVOY_STATE; IFS= read -r RUNVOY_DIRECTORY; } <"$RUNVOY_VOLUME/status"; } 2>/dev/null
    [ "$RUNVOY_STATE" = ready ] || exit 125
    [ -z "$RUNVOY_DIRECTORY" ] || cd "$RUNVOY_DIRECTORY" || exit 125
    [ ! -e "$RUNVOY_VOLUME/command" ] || set -- /bin/sh "$RUNVOY_VOLUME/command"
fi

trap on_term TERM INT
trap on_expiry USR1
# Shells report a child that a signal killed; the exit code says it already.
exec 3>&2 2>/dev/null
start "$@"
[ -z "$RUNVOY_STOPPING" ] || terminate
clock </dev/null >/dev/null 3>&- &
RUNVOY_CLOCK=$!

wait "$RUNVOY_CHILD"
RUNVOY_CODE=$?
# A trapped signal ends `wait` early: wait again until the command itself has ended.
while [ -n "$RUNVOY_SIGNALLED" ]; do
    RUNVOY_SIGNALLED=''
    wait "$RUNVOY_CHILD"
    RUNVOY_AGAIN=$?
    # 127: there is nothing left to wait for, so the code before it was the command's.
    [ "$RUNVOY_AGAIN" -eq 127 ] || RUNVOY_CODE=$RUNVOY_AGAIN
done

# Whoever got the signal may still be cleaning up, and would die with this shell. ECS waits 120 seconds.
RUNVOY_LEFT=1000
while [ "$RUNVOY_LEFT" -gt 0 ] && told_live; do
    RUNVOY_LEFT=$((RUNVOY_LEFT - 1))
    pause 0.1 || pause 1
done

kill "$RUNVOY_CLOCK"
# Busybox forgets a signal that comes before the trap is set; the clock would hold our output open until its time.
while look "$RUNVOY_CLOCK" && [ "$RUNVOY_STATE" != Z ]; do kill "$RUNVOY_CLOCK"; done
[ -z "$RUNVOY_EXPIRED" ] || RUNVOY_CODE=124
# The log driver, as it is set, holds every line back until the next one, and Fargate ends it without its last. So two
# lines of ours follow: the first may be the end of one that has no end of its own.
printf '\036\004\n\036\004\n'
printf '\036\004\n\036\004\n' >&3
exit "$RUNVOY_CODE"
