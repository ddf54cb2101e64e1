import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Client, credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

// Clients of services whose protos are not ours: health and reflection.

type Caller = Client &
  Record<
    string,
    (...parameters: unknown[]) => {
      on(event: string, listen: (value: never) => void): void
      write(message: object): void
      end(): void
    }
  >

/** A plaintext client of `service`, defined in `protoFile`. */
export function openClient(protoFile: string, service: string, port: number): Caller {
  let found: unknown = loadPackageDefinition(
    loadSync(protoFile, { keepCase: true, enums: String, oneofs: true, defaults: true }),
  )
  for (const part of service.split('.')) found = (found as Record<string, unknown>)[part]
  return new (found as new (address: string, channel: unknown) => Caller)(
    `localhost:${port}`,
    credentials.createInsecure(),
  )
}

/** The services that reflection of a version (`v1`, `v1alpha`) lists, sorted. */
export function listServices(port: number, version: string): Promise<string[]> {
  const root = dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'))
  const file = join(root, `build/proto/grpc/reflection/${version}/reflection.proto`)
  const client = openClient(file, `grpc.reflection.${version}.ServerReflection`, port)
  return new Promise((resolve, reject) => {
    const stream = client.ServerReflectionInfo?.()
    stream?.on('error', (error: Error) => {
      client.close()
      reject(error)
    })
    stream?.on('data', (answer: { list_services_response: { service: { name: string }[] } }) => {
      resolve(answer.list_services_response.service.map(({ name }) => name).sort())
      stream.end()
      client.close()
    })
    stream?.write({ list_services: '*' })
  })
}
