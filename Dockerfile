# One image, every role: `docker run IMAGE [api|worker|broker]`; without a role and without FAKTORY_URL it is all in one.
# Debian and not Alpine: classic-level has no prebuilt binary for musl on arm64.
FROM node:24-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM base AS build
RUN --mount=type=cache,target=/npm-cache npm ci --ignore-scripts --cache /npm-cache
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && rm -f dist/.tsbuildinfo

FROM base AS dependencies
RUN --mount=type=cache,target=/npm-cache npm ci --omit=dev --ignore-scripts --cache /npm-cache

FROM node:24-bookworm-slim
ENV NODE_ENV=production BIND_ADDR=0.0.0.0:3000 METRICS_ADDR=0.0.0.0:9464 DATA_DIR=/data
# The only folder that the process may write to; a role that needs no disk runs with a read-only root.
RUN mkdir /data && chown node:node /data
WORKDIR /app
COPY package.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY console console
# node's number: some platforms check that it is not 0 and cannot read names.
USER 1000:1000
EXPOSE 3000 9464
# In every role. Liveness only: a platform that restarts unhealthy containers must not do so because the broker is away.
HEALTHCHECK --interval=5s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "dist/main.js", "health-check"]
# node itself, no shell and no npm in between: SIGTERM reaches the program.
ENTRYPOINT ["node", "dist/main.js"]
