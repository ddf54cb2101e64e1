// What the gateway uses of grpc-js: its server. The index loads the client's channels, balancers and resolvers with it: a quarter of a
// megabyte for nothing. A server asks the resolver of IP addresses what to listen on, under the default scheme `dns`.
// These files are no public API: the version is pinned, and a bundle that misses one is not made.
import { setup as setUpDns } from '@grpc/grpc-js/build/src/resolver-dns.js'
import { setup as setUpIp } from '@grpc/grpc-js/build/src/resolver-ip.js'

setUpDns()
setUpIp()

export { LogVerbosity as logVerbosity, Status as status } from '@grpc/grpc-js/build/src/constants.js'
export { setLoggerVerbosity as setLogVerbosity } from '@grpc/grpc-js/build/src/logging.js'
export { loadPackageDefinition } from '@grpc/grpc-js/build/src/make-client.js' // reflection reads its own definition with it
export { Metadata } from '@grpc/grpc-js/build/src/metadata.js'
export { ServerCredentials } from '@grpc/grpc-js/build/src/server-credentials.js'
export { Server } from '@grpc/grpc-js/build/src/server.js'
