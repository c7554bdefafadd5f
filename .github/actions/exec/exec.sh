#!/usr/bin/env bash
# Runs `$COMMAND` by runvoy with `$OPTIONS`, one a line. Its output is this step's, its exit code too; the execution, its
# log link and its exit code go to the step's outputs and the job's summary.
set -uo pipefail

options=()
while IFS= read -r option; do
    [ -z "$option" ] || options+=("$option")
done <<<"$OPTIONS"

notes=$(mktemp)
trap 'rm -f "$notes"' EXIT
# What is runvoy's own goes to stderr: first the execution, then its log.
"$RUNVOY" exec "${options[@]+"${options[@]}"}" -- "$COMMAND" 2> >(tee "$notes" >&2)
code=$?
wait # for `tee`

id=$(sed -n 's/^execution //p' "$notes" | head -n 1)
url=$(sed -n 's/^log  *//p' "$notes" | head -n 1)
{
    echo "execution-id=$id"
    echo "log-url=$url"
    echo "exit-code=$code"
} >>"$GITHUB_OUTPUT"
{
    printf '### runvoy: exit code %s\n\n' "$code"
    # Longer than any run of backticks in it, a fence holds whatever the command is.
    printf '`````sh\n%s\n`````\n' "$COMMAND"
    [ -z "$url" ] || printf '\n[Log of %s](%s) (works for 48 hours)\n' "$id" "$url"
} >>"$GITHUB_STEP_SUMMARY"
exit "$code"
