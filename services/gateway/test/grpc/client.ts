import { loadProtos } from '@dromos/contract'
import { Client, credentials, Metadata, type CallOptions, type ServiceError } from '@grpc/grpc-js'

export type RpcAnswer = { message: Record<string, unknown>; headers: Metadata }

export type RpcClient = {
  client: Client
  /** Calls `/service/Method`; rejects with the ServiceError of grpc-js. */
  call(
    path: string,
    message: object,
    metadata?: Record<string, string>,
    options?: CallOptions & { signal?: AbortSignal },
  ): Promise<RpcAnswer>
  close(): void
}

/** A client without generated code: any method of our protos by its full name. */
export function openRpc(port: number, channel = credentials.createInsecure()): RpcClient {
  const client = new Client(`localhost:${port}`, channel)
  const protos = loadProtos()
  return {
    client,
    call(path, message, entries = {}, options = {}) {
      const [, service = '', method = ''] = path.split('/')
      const definition = protos[service]
      if (definition === undefined || 'format' in definition) throw new Error(`no service ${service}`)
      const rpc = definition[method]
      if (rpc === undefined) throw new Error(`no method ${path}`)
      const metadata = new Metadata()
      for (const [name, value] of Object.entries(entries)) metadata.set(name, value)
      return new Promise((resolve, reject) => {
        let headers = new Metadata()
        const call = client.makeUnaryRequest(
          path,
          (value: object) => rpc.requestSerialize(value),
          (bytes: Buffer): unknown => rpc.responseDeserialize(bytes),
          message,
          metadata,
          options,
          (error: ServiceError | null, answer: unknown) => {
            if (error === null) resolve({ message: { ...(answer as object) }, headers })
            else reject(error)
          },
        )
        options.signal?.addEventListener('abort', () => call.cancel())
        call.on('metadata', (received: Metadata) => (headers = received))
      })
    },
    close: () => client.close(),
  }
}

/** What of a failed call a client can act on. */
export async function failureOf(call: Promise<unknown>): Promise<{ code: number; reason: unknown; details: string }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!isServiceError(error)) throw new Error('the call did not fail as a gRPC call does')
  return { code: error.code, reason: error.metadata.get('x-error-reason')[0], details: error.details }
}

export const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && 'code' in error && 'metadata' in error && 'details' in error

/** Plain JSON of a decoded google.protobuf.Struct. */
export function fromStruct(struct: unknown): Record<string, unknown> {
  const { fields } = struct as { fields: Record<string, Kind> }
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, fromValue(value)]))
}

type Kind = { kind: string; structValue?: unknown; listValue?: { values: Kind[] } } & Record<string, unknown>

function fromValue(value: Kind): unknown {
  if (value.kind === 'nullValue') return null
  if (value.kind === 'structValue') return fromStruct(value.structValue)
  if (value.kind === 'listValue') return value.listValue?.values.map(fromValue)
  return value[value.kind]
}
