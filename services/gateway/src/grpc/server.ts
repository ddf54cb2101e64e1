// Owns the gRPC edge: limits, TLS, services, health, reflection, drain.
// Does not own what an operation does (operations.ts) or how one call is wrapped (unary.ts).
import { createSecureContext } from 'node:tls'
import { grpcLimits, loadProtos, ServiceError } from '@dromos/contract'
import { ConfigurationError, type Logger } from '@dromos/runtime'
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js'
import { loadSync, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader'
import { HealthImplementation, protoPath as healthProtoPath } from 'grpc-health-check'
import type { Config } from '../config.js'
import type { Lifecycle } from '../lifecycle.js'
import type { Operations } from '../operations.js'
import type { Reporting } from '../reporting.js'
import { connectionMethods, encodedMethods } from './connections.js'
import { lifecycleMethods } from './lifecycle.js'
import { addReflection } from './reflection.js'
import { createUnary } from './unary.js'

export type GrpcServer = {
  port: number
  /** Says NOT_SERVING, lets calls in flight finish, then closes every connection. */
  close(): Promise<void>
}

/** The two generations of the service; one implementation serves both. */
export const serviceNames = ['oha.v1.OHAService', 'nexus.v1.NexusService'] as const

export type GrpcParts = Readonly<{
  config: Config
  operations: Operations
  lifecycle: Lifecycle
  reporting: Reporting
  log: Logger
}>

// What a client needs to read the last answers before connections that a health watcher keeps open are cut.
const flushMs = 250

/** Serves both services, health and reflection. Throws a sentence when the port is busy or the certificate unusable. */
export async function listenGrpc({ config, operations, lifecycle, reporting, log }: GrpcParts): Promise<GrpcServer> {
  // Its own lines are not JSON and not redacted; what fails reaches us as an error anyway.
  setLogVerbosity(logVerbosity.NONE)
  const anonymousKey = config.anonymousCallers === 'lend-own-key' ? config.brokerApiKey : undefined
  const unary = createUnary({ trustedProxies: config.trustedProxies, anonymousKey }, reporting, log)
  // Metadata is bounded at 64 KiB by node's own HTTP/2 default.
  const server = new Server(grpcLimits)
  const protos = loadProtos()
  const methods = { ...connectionMethods(operations, unary.wrap), ...lifecycleMethods(lifecycle, unary.wrap) }
  for (const name of serviceNames) server.addService(serviceOf(protos, name), methods)
  const health = new HealthImplementation()
  health.addToServer(server)
  // Reflection lists what it is given: without its definition the health service would be missing.
  addReflection(server, () => ({ ...protos, ...loadSync(healthProtoPath) }))
  const port = await bind(server, config)
  setHealth(health, 'SERVING')
  return {
    port,
    async close() {
      setHealth(health, 'NOT_SERVING')
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
      await unary.idle()
      // A client that watches the health service never hangs up by itself.
      const cut = setTimeout(() => server.forceShutdown(), flushMs)
      await closed
      clearTimeout(cut)
    },
  }
}

// "" stands for the server as a whole (grpc.health.v1).
function setHealth(health: HealthImplementation, state: 'SERVING' | 'NOT_SERVING'): void {
  for (const name of ['', ...serviceNames]) health.setStatus(name, state)
}

function serviceOf(protos: PackageDefinition, name: string): ServiceDefinition {
  const found = protos[name]
  if (found === undefined || 'format' in found) throw new Error(`proto/ defines no service ${name}`)
  const encoded = encodedMethods.map((method) => {
    const definition = found[method]
    if (definition === undefined) throw new Error(`proto/ defines no method ${name}/${method}`)
    return [method, { ...definition, responseSerialize: asEncoded }] as const
  })
  return { ...found, ...Object.fromEntries(encoded) }
}

function asEncoded(message: object): Buffer {
  if (Buffer.isBuffer(message)) return message
  throw new TypeError('a method of encodedMethods answered with something else than bytes')
}

function bind(server: Server, { grpcPort, grpcTls }: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`[::]:${grpcPort}`, readCredentials(grpcTls), (cause, port) => {
      if (cause === null) resolve(port)
      else
        reject(new ServiceError('internal_error', `gRPC port ${grpcPort} cannot be opened: is it in use?`, { cause }))
    })
  })
}

function readCredentials(tls: Config['grpcTls']): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure()
  try {
    // Checked here because grpc-js would only refuse each connection, one by one, later.
    createSecureContext(tls)
    return ServerCredentials.createSsl(null, [{ private_key: tls.key, cert_chain: tls.cert }])
  } catch {
    throw new ConfigurationError(['GRPC_TLS_CERT_FILE and GRPC_TLS_KEY_FILE: use a PEM certificate and its own key'])
  }
}
