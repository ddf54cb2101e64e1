import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../src/free-port.js'
import { ServiceProcess } from '../src/stack/service-process.js'
import { DEFAULT_PORTS, identityProviderService, type Ports, type Service, type Shell } from '../src/stack/services.js'

let directory: string
const secrets = { encryptionKey: 'e', stateKey: 's', demoClientSecret: 'a-secret-of-the-test' }
const { signal } = new AbortController()
const started: ServiceProcess[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dromos-service-'))
})

afterEach(async () => {
  for (const service of started.splice(0)) await service.stop()
  rmSync(directory, { recursive: true, force: true })
})

function run(service: Service): ServiceProcess {
  const running = new ServiceProcess(service, directory)
  started.push(running)
  return running
}

async function provider(shell: Shell = process.env): Promise<Service> {
  const ports: Ports = { ...DEFAULT_PORTS, provider: await freePort(undefined) }
  return identityProviderService(shell, ports, secrets, directory)
}

test('a service is ready once it answers, and gone once it is stopped', async () => {
  const service = await provider()
  const running = run(service)
  await running.waitUntilReady(signal)
  expect((await fetch(service.readyUrl)).status).toBe(200)
  await running.stop()
  await expect(fetch(service.readyUrl)).rejects.toThrow()
})

test('a service that ends while starting is reported with what it said', async () => {
  const service = await provider()
  const running = run({ ...service, environment: { ...service.environment, CLIENT_SECRET: '' } })
  await expect(running.waitUntilReady(signal)).rejects.toThrow(/ended while starting[\s\S]*CLIENT_SECRET is not set/)
})

test('a start that is called off stops waiting at once', async () => {
  const stopped = new AbortController()
  const running = run(await provider())
  stopped.abort(new Error('called off'))
  await expect(running.waitUntilReady(stopped.signal)).rejects.toThrow('called off')
})

test('a program that was never compiled is named', () => {
  const program = fileURLToPath(new URL('no-such-program.js', import.meta.url))
  const service = { name: 'broker', logName: 'broker', program, environment: {}, readyUrl: 'http://localhost:1' }
  expect(() => new ServiceProcess(service, directory)).toThrow(`the broker is not compiled (${program} is missing)`)
})

test('a service does not see what else is in the environment of whoever starts it', async () => {
  const { environment } = await provider({ PATH: '/bin', DATABASE_URL: 'postgres://elsewhere', ENCRYPTION_KEY: 'x' })
  expect(environment).toMatchObject({ PATH: '/bin' })
  expect(environment).not.toHaveProperty('DATABASE_URL')
  expect(environment).not.toHaveProperty('ENCRYPTION_KEY')
})
