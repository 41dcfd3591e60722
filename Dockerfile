# Svetofor in a container: built with the tools it needs, run without them and without root.
FROM node:24.18.0-bookworm-slim AS build
WORKDIR /app
# For the native Kafka module (optional: the default source does not need it).
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ libssl-dev libzstd-dev make python3 zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
COPY deploy/native ./deploy/native
# The sources are not here yet, so the build that `npm ci` would run comes after; native modules are built here.
RUN npm ci --ignore-scripts --no-audit --no-fund && MAKEFILES=/app/deploy/native/jobs.mk npm rebuild --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.18.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/package.json /app/LICENSE ./
# What is read at run time beside the code.
COPY --from=build /app/schemas/profiles ./schemas/profiles
COPY --from=build /app/rules/library ./rules/library
COPY --from=build /app/ingest/clickhouse/migrations ./ingest/clickhouse/migrations
COPY --from=build /app/status/page ./status/page
COPY --from=build /app/embedded/simulator/scenarios ./embedded/simulator/scenarios
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/live').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=2", "dist/cli.js"]
CMD ["start", "--config", "/etc/svetofor/svetofor.yaml"]
