# syntax=docker/dockerfile:1
# The program alone on a base without a shell: build it with
#   docker build --build-arg VERSION=0.1.0 -t authprobe:0.1.0 .
# Tags move. For a build that stays the same, put the digest of what you checked behind both tags (NAME:TAG@sha256:...);
# `docker buildx imagetools inspect NAME:TAG` prints it.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
# C parts (SQLite, aws-lc, zstd) need the C compiler and the headers that the image has; nothing is installed.
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --bin authprobe \
    && install -D target/dist/authprobe /out/usr/local/bin/authprobe \
    && install -D -m 644 LICENSE /out/usr/share/doc/authprobe/LICENSE \
    && install -m 644 reports/src/chart/font/LICENSE /out/usr/share/doc/authprobe/LICENSE.DejaVu \
    && install -d /out/var/lib/authprobe

# The same Debian release as above, so that the C library is the one the program was linked with.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=unknown
LABEL org.opencontainers.image.title="authprobe" \
      org.opencontainers.image.description="Continuous synthetic prober for authentication and authorization" \
      org.opencontainers.image.licenses="Apache-2.0 AND Bitstream-Vera" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build --chown=root:root /out/usr/local/bin/authprobe /usr/local/bin/authprobe
# The program's licence, and that of the font in it.
COPY --from=build --chown=root:root /out/usr/share/doc/authprobe /usr/share/doc/authprobe
COPY --from=build --chown=nonroot:nonroot /out/var/lib/authprobe /var/lib/authprobe
# A heap of its own for each thread keeps more memory than it is worth.
ENV MALLOC_ARENA_MAX=2
USER 65532:65532
VOLUME /var/lib/authprobe
EXPOSE 9464
# No HEALTHCHECK: there is no shell or client here; ask /healthz and /readyz from outside.
ENTRYPOINT ["/usr/local/bin/authprobe"]
CMD ["run", "-c", "/etc/authprobe/authprobe.yaml"]
