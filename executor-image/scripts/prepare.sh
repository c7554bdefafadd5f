# Brings the code and the long command of an execution to the volume that it shares with the command's container. POSIX sh,
# run as root in an image with git, ssh, curl, GNU tar, gzip and awk (and git-lfs for `--lfs`), before the command's starts.
#
#   $1  the volume
#
#   RUNVOY_REPO, RUNVOY_REF, RUNVOY_SUBMODULES, RUNVOY_LFS    the repository, and what of it
#   RUNVOY_GIT_CREDENTIAL                                     from Secrets Manager, for the repository's host only
#   RUNVOY_UPLOAD_URL, RUNVOY_UPLOAD_SHA256                   a tar.gz
#   RUNVOY_PATH                                               where in the code the command runs
#   RUNVOY_COMMAND_URL, RUNVOY_COMMAND_SHA256                 the command, where it is too long for RunTask
#
# The volume then holds `workspace`, `command` and, written last, `status`: `ready` and the directory to run in. The exit
# code tells the orchestrator which step failed (its `prepare.rs` has the words); the log has the details. Neither
# ever shows a credential: they are in this container's environment alone, never in a file, an argument or git's config.

set -u
umask 022
export LC_ALL=C
unset SSH_ASKPASS GIT_ASKPASS GIT_TRACE GIT_TRACE_CURL GIT_TRACE_PACKET GIT_CURL_VERBOSE

volume=$1
workspace=$volume/workspace
# The whole of it may take 10 minutes; one file at most 4 GiB, unpacked; so may an archive, with 250,000 entries.
deadline=$(($(date +%s) + 600))
max_bytes=4294967296
max_entries=250000
private=$(mktemp -d) || exit 1
finish() {
    rm -rf "$private"
    [ -z "${SSH_AGENT_PID:-}" ] || ssh-agent -k >/dev/null 2>&1
    # As run.sh does at its end, and for the same reason.
    printf '\036\004\n\036\004\n'
    printf '\036\004\n\036\004\n' >&2
}
trap finish EXIT

fail() { # CODE TEXT: ends it.
    echo "error: $2"
    exit "$1"
}

bounded() { # A program with what time is left; 124 if that was not enough.
    left=$((deadline - $(date +%s)))
    [ "$left" -gt 0 ] || return 124
    timeout -k 5 "$left" "$@"
}

# ---- the credential

field() { # The text, or the lines of the list, that the credential has under this name.
    RUNVOY_FIELD=$1 awk '
        function skip() { while (substr(s, at, 1) ~ /[ \t\r\n]/) at++ }
        function text(   out, c) {
            if (substr(s, at++, 1) != "\"") exit 1
            while ((c = substr(s, at++, 1)) != "\"") {
                if (c == "") exit 1
                if (c == "\\") {
                    c = substr(s, at++, 1)
                    if (c == "u") {
                        c = sprintf("%c", index(hex, substr(s, at + 2, 1)) * 16 + index(hex, substr(s, at + 3, 1)) - 17)
                        at += 4
                    } else if (c in escapes) c = escapes[c]
                }
                out = out c
            }
            return out
        }
        BEGIN {
            hex = "0123456789abcdef"
            escapes["n"] = "\n"; escapes["t"] = "\t"; escapes["r"] = "\r"; escapes["b"] = "\b"; escapes["f"] = "\f"
            s = ENVIRON["RUNVOY_GIT_CREDENTIAL"]; wanted = ENVIRON["RUNVOY_FIELD"]; at = 1
            skip(); if (substr(s, at++, 1) != "{") exit 1
            for (;;) {
                skip(); name = text(); skip(); if (substr(s, at++, 1) != ":") exit 1
                skip(); c = substr(s, at, 1)
                if (c == "\"") { value = text(); if (name == wanted) { print value; exit 0 } }
                else if (c == "[") {
                    at++; skip()
                    while (substr(s, at, 1) == "\"") {
                        value = text(); if (name == wanted) print value
                        skip(); if (substr(s, at, 1) == ",") { at++; skip() }
                    }
                    if (substr(s, at++, 1) != "]") exit 1
                    if (name == wanted) exit 0
                } else while (substr(s, at, 1) ~ /[a-z0-9.+-]/) at++
                skip(); if (substr(s, at++, 1) != ",") exit 0
            }
        }'
}

redact() { # Whatever a server may have sent back is shown without the credential.
    awk '
        BEGIN { n = split(ENVIRON["RUNVOY_HIDDEN"], hidden, "\n") }
        {
            for (i = 1; i <= n; i++)
                while (length(hidden[i]) >= 6 && (at = index($0, hidden[i])))
                    $0 = substr($0, 1, at - 1) "***" substr($0, at + length(hidden[i]))
            print
        }'
}

take_credential() {
    : >"$private/ssh_config"
    if [ -z "${RUNVOY_GIT_CREDENTIAL:-}" ]; then
        [ "$scheme" = https ] || fail 10 "an ssh address needs a credential for $host"
        return 0
    fi
    kind=$(field kind) && secret=$(field secret) && [ -n "$secret" ] ||
        fail 21 "the credential of $host is not one: set it again"
    RUNVOY_GIT_USERNAME=$(field username)
    RUNVOY_GIT_REPOSITORIES=$(field repositories)
    field known_hosts >"$private/known_hosts"
    unset RUNVOY_GIT_CREDENTIAL
    write_helper
    export RUNVOY_GIT_USERNAME RUNVOY_GIT_REPOSITORIES RUNVOY_GIT_HOST="$host"
    if ! printf 'path=%s\n' "$path" | sh "$private/helper" allowed; then
        echo "the credential of $host is not for $path: fetching without"
        return 0
    fi
    case $kind,$scheme in
        token,https)
            export RUNVOY_GIT_SECRET="$secret"
            basic=$(printf %s "$RUNVOY_GIT_USERNAME:$secret" | base64 | tr -d '\n')
            export RUNVOY_HIDDEN="$secret
$basic"
            ;;
        ssh-key,ssh)
            export RUNVOY_HIDDEN="$secret"
            agent=$(ssh-agent -s -a "$private/agent") || fail 21 "no ssh-agent in this image"
            eval "$agent" >/dev/null
            # From a pipe: the key is in no file.
            printf '%s\n' "$secret" | ssh-add -q - 2>"$private/said" ||
                fail 21 "the SSH key of $host can't be used: it must have no passphrase"
            printf 'Host %s\nIdentityAgent %s\n' "$name" "$private/agent" >"$private/ssh_config"
            ;;
        *) fail 21 "the credential of $host is a $kind, and the repository's address is for $scheme" ;;
    esac
}

# ---- git

# Git asks it on stdin: protocol, host, path. It answers for the credential's host and repositories from its environment;
# asked `allowed`, it only tells whether it would.
write_helper() {
    cat >"$private/helper" <<'HELPER'
    protocol='' host='' path=''
    while IFS= read -r line; do
        case $line in
            protocol=*) protocol=${line#*=} ;;
            host=*) host=${line#*=} ;;
            path=*) path=${line#*=} ;;
            '') break ;;
        esac
    done
    path=${path%%.git/info/lfs*}
    path=${path%/}
    path=${path%.git}
    set -f
    allowed=$(printf '%s\n' "$RUNVOY_GIT_REPOSITORIES" | while IFS= read -r pattern; do
        # shellcheck disable=SC2254
        [ -z "$pattern" ] || case $path in $pattern) echo yes ;; esac
    done)
    [ -z "$RUNVOY_GIT_REPOSITORIES" ] || [ -n "$allowed" ] || exit 1
    [ "$1 $protocol $host" = "get https $RUNVOY_GIT_HOST" ] || exit 0
    printf 'username=%s\npassword=%s\n' "$RUNVOY_GIT_USERNAME" "$RUNVOY_GIT_SECRET"
HELPER
}

place() { # Takes the repository's address apart: scheme, host (with its port), name (without), path.
    case $RUNVOY_REPO in
        -* | *' '*) fail 10 "$RUNVOY_REPO is no address of a repository" ;;
        https://*/*) scheme=https rest=${RUNVOY_REPO#https://} ;;
        ssh://*/*) scheme=ssh rest=${RUNVOY_REPO#ssh://} ;;
        *://*) fail 10 "only https and ssh addresses are for use here" ;;
        *:*) scheme=ssh rest=${RUNVOY_REPO%%:*}/${RUNVOY_REPO#*:} ;;
        *) fail 10 "$RUNVOY_REPO is no address of a repository" ;;
    esac
    host=${rest%%/*} path=${rest#*/}
    case $scheme,$host in https,*@*) fail 10 "an address holds no credential: an admin sets one for the host" ;; esac
    host=${host##*@}
    name=${host%%:*}
    path=${path#/} path=${path%/} path=${path%.git}
}

configure_git() {
    export GIT_ALLOW_PROTOCOL=https:ssh GIT_TERMINAL_PROMPT=0 GIT_CONFIG_GLOBAL="$private/gitconfig" GIT_LFS_SKIP_SMUDGE=1
    export GIT_HTTP_LOW_SPEED_LIMIT=100 GIT_HTTP_LOW_SPEED_TIME=60
    export GIT_SSH_COMMAND="ssh -F $private/ssh_config"
    cat >>"$private/ssh_config" <<CONFIG
Host *
BatchMode yes
ConnectTimeout 30
IdentityAgent none
IdentityFile none
StrictHostKeyChecking yes
UserKnownHostsFile $private/known_hosts
GlobalKnownHostsFile /dev/null
CONFIG
    # The image's own settings come first: a private CA, a proxy.
    cat >"$private/gitconfig" <<CONFIG
[include]
	path = ~/.gitconfig
[credential]
	helper =
	useHttpPath = true
[http]
	followRedirects = false
[core]
	hooksPath = /dev/null
[safe]
	directory = *
CONFIG
    # Not in the repository's own: the command's image may have no git-lfs.
    [ "${RUNVOY_LFS:-}" != true ] || cat >>"$private/gitconfig" <<CONFIG
[filter "lfs"]
	clean = git-lfs clean -- %f
	smudge = git-lfs smudge -- %f
	process = git-lfs filter-process
	required = true
CONFIG
    [ -z "${RUNVOY_GIT_SECRET:-}" ] ||
        printf '[credential "https://%s"]\n\thelper = !sh %s/helper\n' "$host" "$private" >>"$private/gitconfig"
}

said() { # What git said, for the log.
    redact <"$private/said"
}

heard() { # Whether git said something like this.
    grep -qiE "$1" "$private/said"
}

explain() { # STEP'S-CODE EXIT-CODE: ends it, by what git said.
    said
    [ "$2" -ne 124 ] && [ "$2" -ne 137 ] || fail 19 "it took longer than 10 minutes"
    heard 'no space left' && fail 20 "the disk is full"
    heard 'host key|no .* host key is known' && fail 12 "the key of $host is not the one on record"
    heard 'resolve host|resolve hostname|failed to connect|connection (refused|timed out|reset)|network is unreachable|operation too slow|unable to connect' &&
        fail 13 "$host can't be reached"
    heard "remote ref|not our ref|no such ref|unadvertised object|did not contain|invalid refspec" && [ "$1" -eq 10 ] &&
        fail 11 "there is no ${RUNVOY_REF:-HEAD} in $RUNVOY_REPO"
    fail "$1" "git failed"
}

# Services move repositories and answer `x` by `x.git`. A redirect is followed within its host only.
moved() {
    url="${RUNVOY_REPO%/}/info/refs?service=git-upload-pack"
    to=$({ printf 'url = "%s"\n' "$url"
           [ -z "${RUNVOY_GIT_SECRET:-}" ] || printf 'user = "%s:%s"\n' "$RUNVOY_GIT_USERNAME" "$RUNVOY_GIT_SECRET"; } |
        bounded curl -sS -o /dev/null -w '%{redirect_url}' -K - 2>/dev/null)
    case $to in
        "https://$host"/*/info/refs*) RUNVOY_REPO=${to%%/info/refs*} ;;
        *) return 1 ;;
    esac
}

fetch() {
    bounded git fetch -q --depth=1 --no-tags "$RUNVOY_REPO" "${RUNVOY_REF:-HEAD}" >"$private/said" 2>&1
    fetched=$?
    return "$fetched"
}

# Servers may hand out only what a branch or a tag leads to, for a commit everything is fetched then.
fetch_all() {
    case ${RUNVOY_REF:-} in *[!0-9a-f]* | '') return 1 ;; esac
    [ "${#RUNVOY_REF}" -ge 40 ] && heard 'unadvertised object|not our ref|remote ref' || return 1
    bounded git fetch -q --no-tags "$RUNVOY_REPO" '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*' \
        >"$private/all" 2>&1 && git rev-parse -q --verify "$RUNVOY_REF^{commit}" >.git/FETCH_HEAD 2>/dev/null
}

clone() {
    place
    case ${RUNVOY_REF:-} in -* | *:* | *' '*) fail 11 "$RUNVOY_REF is no name of a branch, tag or commit" ;; esac
    [ "${RUNVOY_LFS:-}" != true ] || git lfs version >/dev/null 2>&1 || fail 15 "this image has no git-lfs"
    take_credential
    configure_git
    echo "fetching $RUNVOY_REPO ${RUNVOY_REF:-}"
    { git init -q --template= "$workspace" && cd "$workspace"; } || fail 20 "no room for the code"
    fetch || { heard 'error: 30[1278]' && moved && fetch; } || fetch_all || explain 10 "$fetched"
    git remote add origin "$RUNVOY_REPO"
    bounded git checkout -q --detach FETCH_HEAD >"$private/said" 2>&1 || explain 10 $?
    if [ "${RUNVOY_SUBMODULES:-}" = true ]; then
        bounded git submodule --quiet update --init --recursive --depth 1 >"$private/said" 2>&1 ||
            bounded git submodule --quiet update --init --recursive >"$private/said" 2>&1 || explain 14 $?
    fi
    if [ "${RUNVOY_LFS:-}" = true ]; then
        bounded git lfs pull >"$private/said" 2>&1 || explain 15 $?
    fi
    echo "at $(git rev-parse HEAD)"
    unset RUNVOY_GIT_SECRET
}

# ---- objects

download() { # URL SHA256 FILE CODE WHAT. The URL is as good as a key, so it is no argument.
    printf 'url = "%s"\n' "$1" | bounded curl -fsS --retry 3 --max-filesize "$max_bytes" -o "$3" -K - \
        >"$private/said" 2>&1 || {
        code=$?
        sed 's/[?].*//' "$private/said"
        [ "$code" -ne 124 ] || fail 19 "it took longer than 10 minutes"
        fail "$4" "the $5 can't be downloaded"
    }
    sum=$(sha256sum <"$3") && [ "${sum%% *}" = "$2" ] || fail $(($4 + 1)) "the $5 is not the one that was announced"
}

list() { # ARCHIVE OPTIONS…: one line an entry, whatever its name.
    archive=$1
    shift
    tar --quoting-style=escape "$@" -tzf "$archive" 2>"$private/said" || : >"$private/broken"
}

# Before anything is unpacked: number and sizes, kinds, modes, names.
check_archive() {
    list "$1" --numeric-owner -v | awk -v most="$max_bytes" -v entries="$max_entries" '
        NR > entries { print "the upload has more than " entries " entries"; exit }
        $1 !~ /^[-dl]/ { print "the upload has an entry that is no file, directory or symbolic link"; exit }
        $1 ~ /[sS]/ { print "the upload has a file with a setuid or setgid bit"; exit }
        (bytes += $3) > most { print "the upload unpacks to more than 4 GiB"; exit }' >"$private/refused"
    [ -s "$private/refused" ] || list "$1" -P | awk '
        /^\// || /(^|\/)\.\.(\/|$)/ { print "the upload has a path that leads out of it"; exit }' >"$private/refused"
    [ ! -s "$private/refused" ] || fail 18 "$(cat "$private/refused")"
    [ ! -e "$private/broken" ] || fail 18 "the upload is no whole tar.gz"
}

# GNU tar makes links last, so nothing is written through one; where they lead is known now.
check_links() {
    find "$workspace" -type l -exec sh -c '
        root=$1; shift
        for link; do
            case $(readlink -m -- "$link") in "$root" | "$root"/*) ;; *) echo "${link#"$root"/}"; exit ;; esac
        done' sh "$(readlink -f "$workspace")" {} + >"$private/refused"
    [ ! -s "$private/refused" ] || fail 18 "the upload has a symbolic link that leads out of it"
}

unpack() {
    echo "unpacking the upload"
    download "$RUNVOY_UPLOAD_URL" "$RUNVOY_UPLOAD_SHA256" "$volume/upload" 16 upload
    check_archive "$volume/upload"
    mkdir "$workspace"
    bounded tar --no-same-owner --no-same-permissions -xzf "$volume/upload" -C "$workspace" >"$private/said" 2>&1 || {
        code=$?
        cat "$private/said"
        [ "$code" -ne 124 ] || fail 19 "it took longer than 10 minutes"
        heard 'no space left' && fail 20 "the disk is full"
        fail 18 "the upload can't be unpacked"
    }
    rm "$volume/upload"
    check_links
}

# ---- all of it

{ mkdir -p "$volume" && rm -rf "$workspace" "$volume/command" "$volume/status"; } || fail 20 "the volume can't be written"
[ -z "${RUNVOY_COMMAND_URL:-}" ] ||
    download "$RUNVOY_COMMAND_URL" "$RUNVOY_COMMAND_SHA256" "$volume/command" 22 command
if [ -n "${RUNVOY_REPO:-}" ]; then clone; elif [ -n "${RUNVOY_UPLOAD_URL:-}" ]; then unpack; fi

directory=
if [ -d "$workspace" ]; then
    root=$(readlink -f "$workspace")
    directory=$(cd "$workspace/${RUNVOY_PATH:-.}" 2>/dev/null && pwd -P) ||
        fail 24 "there is no directory ${RUNVOY_PATH:-} in the code"
    case $directory in "$root" | "$root"/*) ;; *) fail 24 "${RUNVOY_PATH:-} leads out of the code" ;; esac
    # Whoever the command runs as.
    chmod -R a+rwX "$workspace" || fail 20 "the code can't be made writable"
fi
{ printf 'ready\n%s\n' "$directory" >"$volume/status.new" && mv "$volume/status.new" "$volume/status"; } ||
    fail 20 "the volume can't be written"
