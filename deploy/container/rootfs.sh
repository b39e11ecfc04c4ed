#!/bin/sh
# rootfs.sh DIR makes the root file system of the image: a static binary, what
# it needs of a system, and the paths at which manifests of Unleash Edge look
# for theirs. Run it at the root of the repository; the Dockerfile does, and the
# tests do. GOOS, GOARCH, VERSION and REVISION are taken from the environment.
set -eu
root=$1
mkdir -p "$root/app" "$root/etc/ssl/certs" "$root/tmp"

# Time zones are in the binary (timetzdata): the image has no files of them.
CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags timetzdata \
	-ldflags "-s -w -X github.com/flagcast/flagcast/cmd/flagcast/app.version=${VERSION:-} -X github.com/flagcast/flagcast/cmd/flagcast/app.revision=${REVISION:-}" -o "$root/app/flagcast" ./cmd/flagcast

# /app/unleash-edge health is the probe of Unleash Edge's Helm chart, and
# /unleash-edge that of manifests for its older images.
# Command lines that are just "edge", as those of SAE and ECI, take the place of
# the entry point and look on the PATH.
mkdir -p "$root/usr/local/bin"
ln -s ../../../app/flagcast "$root/usr/local/bin/edge"
ln -s flagcast "$root/app/unleash-edge"
ln -s app/flagcast "$root/unleash-edge"
ln -s app/flagcast "$root/flagcast"

cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo 'flagcast:x:10001:10001::/:/sbin/nologin' > "$root/etc/passwd"
echo 'flagcast:x:10001:' > "$root/etc/group"
cp LICENSE "$root/"
chmod 1777 "$root/tmp"
