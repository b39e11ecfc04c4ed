# syntax=docker/dockerfile:1
# The image of flagcast: one static binary in an otherwise empty file system
# that it does not write to.
#
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=v0.1.0 -t flagcast .

# Built on the machine's own platform, for that of the image.
FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION
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
