# syntax=docker/dockerfile:1.27.1@sha256:4edf897a3ffa55b89f906fc8cc78afdb3f1834cc9c7083565e611a8a7d5fe99e
# The image of flagcast: one static binary in an otherwise empty file system
# that it does not write to.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=v0.1.0 -t flagcast .

# Built on the machine's own platform, for that of the image.
FROM --platform=$BUILDPLATFORM golang:1.26.8-alpine@sha256:8ac98ca534ac3f51e1f420a1dd2c15e74c75cfa0f23f3ad27eb5d7236c349a0c AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION
ARG REVISION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH sh deploy/container/rootfs.sh /image && mkdir /state

FROM scratch
COPY --from=build /image /
# For state.dir, where nothing is mounted there.
COPY --from=build --chown=10001:10001 /state /var/lib/flagcast
USER 10001:10001
WORKDIR /app
EXPOSE 3063
ENTRYPOINT ["/app/flagcast"]
