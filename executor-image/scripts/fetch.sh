# Downloads what the image has for one architecture, and checks each file against downloads.lock before anything of it is
# used. Runs while the image is built.
#
#   $1  the architecture, as Docker spells it
#   $2  where the programs go
#   $3  downloads.lock: lines of SHA-256, name, architecture, address

set -eu
architecture=$1 out=$2 lock=$3
mkdir -p "$out/bin"
cd "$(mktemp -d)"

found=''
while read -r sum name for url; do
    [ "$for" = "$architecture" ] || continue
    file=${url##*/}
    curl -fsSL --proto '=https' --retry 3 -o "$file" "$url"
    echo "$sum  $file" | sha256sum -c -
    case $file in
        *.zip) unzip -q -o "$file" "$name" -d "$out/bin" ;;
        *) tar -xzf "$file" -C "$out/bin" --strip-components=1 "linux-$architecture/$name" ;;
    esac
    rm -- "$file"
    found="$found $name"
done <"$lock"

for name in terraform tofu helm; do
    case "$found " in
        *" $name "*) ;;
        *)
            echo "error: downloads.lock has no $name for $architecture: run \`cargo xtask image lock\`" >&2
            exit 1
            ;;
    esac
done
