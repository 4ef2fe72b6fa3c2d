# The image of the SkyStack Sandbox: one static binary on nothing.
#
#   docker build -t skystack-sandbox .
#
# BuildKit cross-compiles for whatever --platform says. The classic builder,
# which knows no platforms, builds for its own machine, or for another with
# --build-arg TARGETARCH=arm64.

ARG GO_VERSION=1.26

# Without BuildKit there is no BUILDPLATFORM; "linux" alone is the platform of
# the machine that builds.
FROM --platform=${BUILDPLATFORM:-linux} golang:${GO_VERSION} AS build
WORKDIR /src
# No "go mod download": it would also fetch what only the tests need.
COPY go.mod go.sum main.go ./
COPY fixtures fixtures
COPY emulator emulator
# Empty, they mean the system and the architecture of the builder.
ARG TARGETOS
ARG TARGETARCH
# timetzdata is the time zone database in the binary.
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build \
    -trimpath -buildvcs=false -tags timetzdata -ldflags "-s -w" -o /out/skystack-sandbox .

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="skystack-sandbox" \
      org.opencontainers.image.description="A local SkyStack cloud, with the end-user API of ComputeStacks, for integration tests" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/skystack-sandbox /skystack-sandbox
# Publish the ports on 127.0.0.1 alone, as in docker run -p 127.0.0.1:8080:8080.
# HTTPS is on with -e SKYSTACK_SANDBOX_HTTPS=0.0.0.0:8443; its authority is made
# at each start, unless TLS_DIR names a volume.
ENV SKYSTACK_SANDBOX_LISTEN=0.0.0.0:8080 \
    SKYSTACK_SANDBOX_TLS_DIR=memory
EXPOSE 8080 8443
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=2s --start-period=1s --retries=3 CMD ["/skystack-sandbox", "healthcheck"]
ENTRYPOINT ["/skystack-sandbox"]
