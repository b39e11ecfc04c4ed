#!/bin/sh
# prepare.sh VERSION REVISION SECONDS makes in build/release what goreleaser adds to the
# binaries of a release: the licence notices, the image, the Helm chart and the npm
# package. VERSION is without a "v". Run it at the root of the repository.
set -eu
version=$1 revision=$2 seconds=$3
if [ "$revision" = none ]; then
	echo 'prepare.sh: goreleaser knows no commit: the checkout needs one, and a git remote' >&2
	exit 1
fi
out=$PWD/build/release
rm -rf "$out"
mkdir -p "$out"

tool=$out/.release
(cd deploy/release && go build -trimpath -o "$tool" .)
"$tool" notices "$out/THIRD_PARTY_NOTICES"
"$tool" image "$out/flagcast_${version}_image.tar" "v$version" "$revision" "$seconds"
if [ -f deploy/helm/Chart.yaml ]; then
	"$tool" chart "$out/flagcast_${version}_chart.tgz" "$version" "$seconds"
fi

# npm sets the time of each file in a package itself.
package=$out/.npm
mkdir "$package"
cp -r workers/package.json workers/README.md workers/LICENSE workers/src "$package/"
(cd "$package" && npm pkg set version="$version" && npm pack --silent --pack-destination "$out" >/dev/null)
mv "$out/flagcast-$version.tgz" "$out/flagcast_${version}_npm.tgz"
rm -rf "$package" "$tool"
