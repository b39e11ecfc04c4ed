#!/usr/bin/env bash
# install.sh downloads a release of flagcast, compares its checksums, and puts the program
# on the PATH of the steps that follow. FLAGCAST_VERSION and FLAGCAST_SHA256 are inputs of
# action.yml; RUNNER_TEMP and GITHUB_PATH are those of GitHub Actions. Nothing is installed
# when a checksum differs.
set -euo pipefail

fail() {
	echo "::error::flagcast: $1" >&2
	exit 1
}

version=${FLAGCAST_VERSION#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+([-.][0-9A-Za-z.]+)?$ ]] || fail "invalid version \"${FLAGCAST_VERSION}\": want v0.1.0"
case $(uname -s) in
Linux) os=linux ;;
Darwin) os=darwin ;;
MINGW* | MSYS* | CYGWIN*) os=windows ;;
*) fail "there is no release for $(uname -s)" ;;
esac
case $(uname -m) in
x86_64 | amd64) arch=amd64 ;;
arm64 | aarch64) arch=arm64 ;;
*) fail "there is no release for $(uname -m)" ;;
esac
archive=flagcast_${version}_${os}_${arch}.tar.gz
[ $os = windows ] && archive=${archive%.tar.gz}.zip

work=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/flagcast.XXXXXX")
from=${FLAGCAST_RELEASES:-https://github.com/flagcast/flagcast/releases/download}/v$version
for name in checksums.txt "$archive"; do
	curl --fail --silent --show-error --location --retry 3 --max-time 300 --max-filesize 104857600 \
		--output "$work/$name" "$from/$name" || fail "cannot download $from/$name"
done

sum() {
	if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}
got=$(sum "$work/$archive")
want=$(awk -v name="$archive" '$2 == name { print $1 }' "$work/checksums.txt")
[ "$got" = "$want" ] || fail "$archive has the SHA-256 $got, checksums.txt says ${want:-nothing}"
if [ -n "${FLAGCAST_SHA256:-}" ] && [ "$FLAGCAST_SHA256" != "$got" ]; then
	list=$(sum "$work/checksums.txt")
	[ "$FLAGCAST_SHA256" = "$list" ] ||
		fail "checksums.txt has the SHA-256 $list, and $archive $got; neither is sha256: $FLAGCAST_SHA256"
fi

mkdir "$work/bin"
if [ $os = windows ]; then
	unzip -q "$work/$archive" flagcast.exe -d "$work/bin"
else
	tar -xzf "$work/$archive" -C "$work/bin" flagcast
fi
rm "$work/$archive"
echo "$work/bin" >>"$GITHUB_PATH"
"$work/bin/flagcast" version
