/** The end of the proxy inside a sandbox: a port of the sandbox's own loopback that leads to the proxy's socket. */

/** The name of the socket in its folder. */
export const SOCKET = 'proxy';
/** The folder of the socket, as the sandbox sees it. */
export const INNER_FOLDER = '/run/subagents-network';
const PORT = 3128;
const PROXY = `http://127.0.0.1:${PORT}`;
const DIRECT = 'localhost,127.0.0.1,::1';

/** Variables by which programs find the proxy. */
export const PROXY_VARIABLES: Readonly<Record<string, string>> = {
  HTTP_PROXY: PROXY,
  HTTPS_PROXY: PROXY,
  http_proxy: PROXY,
  https_proxy: PROXY,
  NO_PROXY: DIRECT,
  no_proxy: DIRECT,
  // Node.js 24 and newer, whose fetch would otherwise look at none of them.
  NODE_USE_ENV_PROXY: '1',
};

/** For sh: starts the bridge where the sandbox has a network, and waits until it listens. The sandbox's end ends it. */
export const OPEN_BRIDGE = [
  `[ -S ${INNER_FOLDER}/${SOCKET} ] && {`,
  `socat TCP-LISTEN:${PORT},bind=127.0.0.1,reuseaddr,fork,max-children=128 UNIX-CONNECT:${INNER_FOLDER}/${SOCKET} </dev/null >/dev/null 2>&1 &`,
  `n=0; until grep -q ':${PORT.toString(16).toUpperCase().padStart(4, '0')} ' /proc/net/tcp || [ $n -ge 200 ]; do n=$((n+1)); sleep 0.01; done;`,
  `};`,
].join(' ');

/** For sh: opens the bridge, then becomes the program of its arguments. */
export const BRIDGE_SCRIPT = `${OPEN_BRIDGE} exec "$@"`;
