import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig as parseBrokerConfig } from '../../../../services/broker/src/config.js'
import { parseConfig as parseGatewayConfig } from '../../../../services/gateway/src/config.js'
import { environmentOf, interpolate, parseEnvFile, requiredNames } from './compose-variables.js'
import { pathOf, readCompose, readText } from './repository-files.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dromos-env-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const makeEnv = (...options: string[]) =>
  spawnSync(process.execPath, [pathOf('deploy/make-env.mjs'), ...options], { encoding: 'utf8', timeout: 15_000 })

function made(...options: string[]): Record<string, string> {
  const output = join(directory, 'made.env')
  expect(makeEnv('--output', output, ...options)).toMatchObject({ status: 0, stderr: '' })
  return parseEnvFile(readFileSync(output, 'utf8'))
}

test('the file holds everything that docker-compose.yml requires, and both services accept it', () => {
  const variables = made('--base-url', 'https://dromos.example.com', '--return-domains', 'app.example.com')
  const { services } = readCompose()
  expect(Object.keys(variables)).toEqual(expect.arrayContaining(requiredNames(readText('docker-compose.yml'))))
  expect(parseBrokerConfig(environmentOf(services.broker, variables))).toMatchObject({
    baseUrl: 'https://dromos.example.com',
    requireApiKey: true,
    metricsPort: 9100,
  })
  expect(parseGatewayConfig(environmentOf(services.gateway, variables))).toMatchObject({
    anonymousCallers: 'refuse',
    brokerBaseUrl: 'http://broker:8080',
    metrics: 9100,
  })
})

test('what it writes without options works on this machine', () => {
  expect(parseBrokerConfig(environmentOf(readCompose().services.broker, made())).baseUrl).toBe('http://localhost:8090')
})

test('without the file nothing starts, and the message says what to run', () => {
  const text = readText('docker-compose.yml')
  const variables = made()
  for (const name of requiredNames(text))
    expect(() => interpolate(text, { ...variables, [name]: '' })).toThrow(`${name}: run node deploy/make-env.mjs`)
})

test('no two files share a key', () => {
  const first = made()
  rmSync(join(directory, 'made.env'))
  const second = made()
  for (const name of ['ENCRYPTION_KEY', 'STATE_KEY', 'POSTGRES_PASSWORD', 'DATABASE_PASSWORD'])
    expect(first[name]).not.toBe(second[name])
})

test('the file is readable by its owner alone', () => {
  made()
  expect((statSync(join(directory, 'made.env')).mode & 0o777).toString(8)).toBe('600')
})

test('a file that exists is left as it is', () => {
  const output = join(directory, 'kept.env')
  writeFileSync(output, 'ENCRYPTION_KEY=held')
  expect(makeEnv('--output', output)).toMatchObject({ status: 1, stderr: expect.stringContaining('is left as it is') })
  expect(readFileSync(output, 'utf8')).toBe('ENCRYPTION_KEY=held')
})

test('an unknown option and a value that would break the file are refused', () => {
  expect(makeEnv('--force')).toMatchObject({ status: 64, stderr: expect.stringContaining('usage:') })
  for (const value of ['a\nADMIN=1', '$HOME', ''])
    expect(makeEnv('--output', join(directory, 'never.env'), '--base-url', value)).toMatchObject({ status: 64 })
})

test('--help explains itself and writes nothing', () => {
  expect(makeEnv('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('usage:') })
})
