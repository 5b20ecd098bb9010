# Every image that holds a Node program: docker/bundle/images.ts lists them, docker-bake.hcl builds them.
# The final stages only copy, so both platforms build in seconds and nothing is emulated.
ARG BUILD_BASE=node:24-trixie-slim
ARG NODE_BASE=gcr.io/distroless/nodejs24-debian13:nonroot

# The bundles, made here on a fresh clone. Whoever has made them already (`pnpm bundle`) hands them in instead:
#   --build-context build=dist/images
FROM --platform=$BUILDPLATFORM ${BUILD_BASE} AS build
WORKDIR /src
COPY . .
RUN npx -y pnpm@12 install --frozen-lockfile --ignore-scripts && npx -y pnpm@12 bundle && mv dist/images/* /

FROM --platform=$TARGETPLATFORM ${NODE_BASE} AS tool
ARG TARGETARCH
# The image's tag and what docker/bundle/images.ts says of it.
ARG IMAGE
ARG STATE
# V8 takes its heap's limit from the machine's memory: a share of the container's own is what fits it. Images with
# threads are given no such share, since it would be the limit of each thread. Small semi-spaces cost some collections
# under load and save an idle service 5 MB, the vm 25; one background thread is enough for a service without threads.
ARG NODE_FLAGS="--max-old-space-size-percentage=60 --max-semi-space-size=1 --v8-pool-size=1"
# Root owns what is executed and the user may only read it; the state folder is the user's alone.
COPY --chown=0:0 --chmod=444 docker/rootfs/passwd docker/rootfs/group /etc/
COPY --from=build --chown=0:0 --chmod=555 /${IMAGE}/native/${TARGETARCH}/ /app/
COPY --from=build --chown=0:0 --chmod=555 /${IMAGE}/app/ /app/
COPY --from=build --chown=1000:1000 /${IMAGE}/state/ /var/lib/
WORKDIR /var/lib/${STATE}
# glibc raises its threshold for memory that goes back to the system as soon as it is free; kept where it starts, a
# service that has compiled WebAssembly (fetch does) holds 20 MB less. A look-up of a name that is not answered would
# take 20 s, and nothing ends a process before its last look-up.
ENV NODE_ENV=production \
    RES_OPTIONS="timeout:1 attempts:1" \
    MALLOC_MMAP_THRESHOLD_=131072 \
    NODE_OPTIONS=${NODE_FLAGS} \
    NODE_COMPILE_CACHE=/var/lib/${STATE}/.compile-cache \
    HOME=/var/lib/${STATE}
USER 1000:1000
# WebAssembly is compiled for speed only once it is really used: the HTTP parser inside fetch would otherwise cost every
# idle service 8 MB.
ENTRYPOINT ["/nodejs/bin/node", "--wasm-tiering-budget=100000000", "/app/main.js"]
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG SOURCE=
ARG NODE_BASE
LABEL org.opencontainers.image.title="Lucid ${IMAGE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${NODE_BASE}"

FROM tool AS service
ARG STATE
ARG PREFIX
ARG PORT
ARG PORT_VARIABLE=${PREFIX}_PORT
ARG PORTS=1
ENV ${PREFIX}_HOST=0.0.0.0 \
    ${PORT_VARIABLE}=${PORT} \
    ${PREFIX}_DATA_DIR=/var/lib/${STATE} \
    HEALTHCHECK_HOST=${PREFIX}_HOST \
    HEALTHCHECK_PORT=${PORT_VARIABLE} \
    HEALTHCHECK_PORTS=${PORTS}
EXPOSE ${PORT}
HEALTHCHECK --interval=30s --timeout=5s --start-period=2m --start-interval=1s --retries=3 \
  CMD ["/nodejs/bin/node", "/app/healthcheck.js"]
