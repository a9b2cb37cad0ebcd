# One image for workers and for the command line: subagents, with Copilot CLI, git and Node. Its packages are those of the lock file.
FROM node:20.20-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm run pack
RUN mkdir /opt/durable-subagents \
  && tar -xzf durable-subagents-*.tgz -C /opt/durable-subagents --strip-components=1 \
  && cd /opt/durable-subagents && npm ci --ignore-scripts

FROM node:20.20-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git openssh-client procps \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/durable-subagents /opt/durable-subagents
RUN ln -s /opt/durable-subagents/dist/src/cli/main.bundle.js /usr/local/bin/subagents \
  && mkdir /data && chown node:node /data
USER node
ENV SUBAGENTS_HOME=/data/home XDG_CACHE_HOME=/data/cache
VOLUME /data
# Its subagents' processes are children of whatever is process 1 once their parents have ended: --init reaps them.
ENTRYPOINT ["subagents"]
CMD ["worker"]
