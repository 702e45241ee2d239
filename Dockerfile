# syntax=docker/dockerfile:1
#
#   docker build -t timestore .
#   docker run --read-only -p 127.0.0.1:4100:4100 -v timestore:/var/lib/timestore -e TIMESTORE_ALLOW_ANONYMOUS=true timestore
#
# The port is open to the container's network, and off loopback the gateway refuses to start without a way to tell who
# is calling. TIMESTORE_ALLOW_ANONYMOUS=true lets everybody in: whoever runs the container decides that, not the image.
# TIMESTORE_DATABASE_URL makes PostgreSQL the store; nothing is written to /var/lib/timestore then.

FROM node:22-bookworm-slim AS playground
WORKDIR /src/playground
COPY playground/package.json playground/package-lock.json playground/.npmrc ./
RUN npm ci
COPY playground ./
RUN npm run build

# The cache mounts keep the registry and the compiled dependencies between builds; hence the copy out of target/.
FROM rust:1.95.0-bookworm AS gateway
WORKDIR /src
# The image's own toolchain: rust-toolchain.toml would add the lints and the formatter to it.
ENV RUSTUP_TOOLCHAIN=1.95.0
COPY . .
COPY --from=playground /src/playground/dist playground/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin timestore \
    && install -D target/release/timestore /out/timestore \
    && mkdir /out/data

# No shell, no package manager; user 65532. Debian 12 like the build, for the same C library.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=gateway /out/timestore /usr/local/bin/timestore
COPY --from=gateway --chown=nonroot:nonroot /out/data /var/lib/timestore
# In the environment, so that `docker run … timestore migrate status` finds the same database as `serve`. The root file
# system may be read-only: SQLite's temporary files go beside its data.
ENV TIMESTORE_LISTEN=0.0.0.0:4100 \
    TIMESTORE_DATA_DIR=/var/lib/timestore \
    SQLITE_TMPDIR=/var/lib/timestore
VOLUME /var/lib/timestore
EXPOSE 4100
# Asks where TIMESTORE_LISTEN says, over TLS where TIMESTORE_TLS_CERTIFICATE is set.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["timestore", "health"]
ENTRYPOINT ["timestore"]
CMD ["serve"]
