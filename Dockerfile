# docker build -t tinkerbell .
# docker run -v tinkerbell:/var/lib/tinkerbell -v "$PWD:/workspace" tinkerbell
# docker exec CONTAINER tinkerbell run 'fix the failing test'
#
# Programs of agents run under bubblewrap, for which docker must let a container make namespaces:
#   --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined
# Otherwise they are refused, unless a config mounted at /etc/tinkerbell says [sandbox] kind = "none".

FROM debian:bookworm AS build
COPY scripts/setup /src/scripts/setup
RUN /src/scripts/setup build
COPY . /src
WORKDIR /src
RUN cmake --preset release -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX=/usr
RUN cmake --build --preset release
RUN DESTDIR=/out cmake --install build/release --strip --component Unspecified

FROM debian:bookworm
RUN apt-get update && \
    apt-get install --yes --no-install-recommends libboost-url1.81.0 libspdlog1.10 libsqlite3-0 libzstd1 zlib1g libssl3 libsystemd0 \
      libtomlplusplus3 libyaml-cpp0.7 libxml2 bubblewrap ca-certificates git && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --system --user-group --home-dir /var/lib/tinkerbell --shell /usr/sbin/nologin tinkerbell && \
    install -d -o tinkerbell -g tinkerbell -m 0700 /var/lib/tinkerbell /run/tinkerbell && \
    install -d -o tinkerbell -g tinkerbell /workspace
COPY --from=build /out /
ENV TINKERBELL_CONFIG=/etc/tinkerbell/tinkerbell.toml \
    TINKERBELL_STATE_DIR=/var/lib/tinkerbell \
    TINKERBELL_SOCKET=/run/tinkerbell/control.sock
USER tinkerbell
WORKDIR /workspace
VOLUME ["/var/lib/tinkerbell"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["tinkerbell", "status"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tinkerbelld"]
