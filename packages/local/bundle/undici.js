// What the services use of undici. Its index loads fetch, WebSocket, caches and mocks with it: half a megabyte, 60 modules and some
// 4 MB of memory for nothing. These files are no public API: the version is pinned, and a bundle that misses one is not made.
export { default as Client } from 'undici/lib/dispatcher/client.js'
export { default as Pool } from 'undici/lib/dispatcher/pool.js'
