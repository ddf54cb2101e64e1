import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { isBuiltin } from 'node:module'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { programOf } from '../src/stack/services.js'

// The files that packages/local/bundle makes of the services. That they serve everything is tested wherever a suite starts them.

let busy: Server
beforeEach(async () => {
  busy = createServer().listen(0)
  await once(busy, 'listening')
})
afterEach(() => void busy.close())

test.each(['broker', 'gateway'] as const)('the %s in one file imports nothing but modules of Node', (service) => {
  const text = readFileSync(programOf(service), 'utf8')
  const imported = [...text.matchAll(/(?:^|;)import\b[^'"();]*['"]([^'"]+)['"]/gm)].map(([, name = '']) => name)
  expect(imported.length).toBeGreaterThan(5)
  expect(imported.filter((name) => !isBuiltin(name))).toEqual([])
})

test.each(['broker', 'gateway'] as const)('the %s in one file holds nothing that it only loads', (service) => {
  const { sources } = JSON.parse(readFileSync(`${programOf(service)}.map`, 'utf8')) as { sources: string[] }
  const unused = /\/(iconv-lite|body-parser|qs)\/|grpc-js\/.*load-balanc|dialects\/mysql|ajv-formats\/node_modules/
  expect(sources.length).toBeGreaterThan(300)
  expect(sources.filter((source) => unused.test(source))).toEqual([])
})

test('an error of a service in one file says the function, and the line of the source when asked for it', () => {
  expect(stackOfFailedStart([])).toMatch(/at startGateway \(file:.*\/services\/gateway\/dist\/bundle\.js:\d+/)
  expect(stackOfFailedStart(['--enable-source-maps'])).toMatch(
    /at startGateway \(.*\/services\/gateway\/src\/app\.ts:\d+/,
  )
})

/** What a gateway logs that cannot have its port. */
function stackOfFailedStart(options: readonly string[]): string {
  const { port } = busy.address() as AddressInfo
  const environment = { PATH: process.env.PATH, PORT_HTTP: String(port), PORT_GRPC: '0' }
  const { status, stdout } = spawnSync(process.execPath, [...options, programOf('gateway')], {
    env: environment,
    encoding: 'utf8',
  })
  expect(status).toBe(1)
  return stdout.replaceAll('\\n', '\n')
}
