import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { loadProtos } from '@dromos/contract'
import { afterEach, describe, expect, test } from '@jest/globals'
import { addReflection } from '../../src/grpc/reflection.js'
import { startTestGateway } from '../gateway.js'
import { listServices } from './proto-client.js'

const everyService = ['grpc.health.v1.Health', 'nexus.v1.NexusService', 'oha.v1.OHAService']

let child: ChildProcess | undefined
afterEach(() => void child?.kill('SIGKILL'))

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  test('lists every service (fault 9)', async () => {
    const gateway = await startTestGateway({})
    expect(await listServices(gateway.grpcPort, version)).toEqual(everyService)
    await gateway.close()
  })

  test('lists every service of the gateway that is bundled into one file', async () => {
    expect(await listServices(await startBundle(), version)).toEqual(everyService)
  })

  test('is made at the first call and serves the ones after it, also those that come at once', async () => {
    let asked = 0
    const server = new Server()
    addReflection(server, () => {
      asked++
      return loadProtos()
    })
    const port = await listen(server)
    expect(asked).toBe(0)
    const calls = Array.from({ length: 3 }, () => listServices(port, version))
    expect(await Promise.all(calls)).toEqual(calls.map(() => everyService.slice(1)))
    expect(asked).toBe(1)
    server.forceShutdown()
  })

  test('answers a caller with an error, and lives on, when it cannot be made', async () => {
    const server = new Server()
    addReflection(server, () => {
      throw new Error('/where/the/protos/are')
    })
    const port = await listen(server)
    for (let call = 1; call <= 2; call++)
      await expect(listServices(port, version)).rejects.toMatchObject({ details: 'reflection is not available' })
    server.forceShutdown()
  })
})

const listen = (server: Server): Promise<number> =>
  new Promise((resolve, reject) =>
    server.bindAsync('localhost:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  )

/** The gRPC port of a gateway that runs as it does in an image. */
async function startBundle(): Promise<number> {
  const program = fileURLToPath(new URL('../../dist/bundle.js', import.meta.url))
  child = spawn(process.execPath, [program], {
    env: { PATH: process.env.PATH, PORT_HTTP: '0', PORT_GRPC: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('no standard output')
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return (JSON.parse(line) as { grpcPort: number }).grpcPort
}
