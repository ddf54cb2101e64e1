import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import ts from 'typescript'
import { applyStrategy, strategySchema } from '../../../../services/broker/src/domain/strategy.js'
import { startStack, type Stack } from '../../../../services/gateway/test/both-edges/stack.js'
import { blocksOf, nameOf, readText, tableRows, unionMembers } from './doc-page.js'

// Owns the promise that the examples of INTEGRATIONS.md work: they are executed against broker, gateway and a provider.

const page = readText('INTEGRATIONS.md')
const deadlineMs = 15_000

let stack: Stack
let directory: string
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dromos-examples-'))
  stack = await startStack()
  const body = { profile: { name: 'weather', auth_type: 'api_key' } }
  expect(await stack.broker.call('POST', '/providers', { body })).toMatchObject({ status: 201 })
})
afterAll(async () => {
  await stack.close()
  rmSync(directory, { recursive: true, force: true })
})

/** All blocks of a language that belong to one example, in order. */
function example(language: string, name: string): string {
  const blocks = blocksOf(page).filter(({ info }) => info === `${language} runnable=${name}`)
  if (blocks.length === 0) throw new Error(`INTEGRATIONS.md has no ${language} example ${name}`)
  return blocks.map(({ text }) => text).join('\n')
}

const isInstalled = (program: string): boolean => spawnSync(program, ['--version']).status === 0
const hasCurl = isInstalled('bash') && isInstalled('curl')
const hasPython = isInstalled('python3')
const testWith = (isPresent: boolean, program: string) => {
  if (!isPresent)
    process.stderr.write(`${program} is not installed: its examples in INTEGRATIONS.md are not executed\n`)
  return isPresent ? test : test.skip
}

/** Runs a program as a reader would, and plays the person who opens the link it prints. */
async function run(program: string, parameters: string[]): Promise<{ status: number | null; output: string }> {
  const child: ChildProcess = spawn(program, parameters, {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      GATEWAY_URL: stack.gateway.url,
      DROMOS_API_KEY: stack.agentKey,
      API_URL: stack.broker.provider.apiUrl,
      POLL_SECONDS: '0.05',
    },
    // bash would take a socket for a remote shell and read its start-up files.
    stdio: [program === process.execPath ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  const giveUp = setTimeout(() => child.kill('SIGKILL'), deadlineMs)
  let output = ''
  let consent: Promise<unknown> | undefined
  const read = (chunk: Buffer): void => {
    output += chunk.toString()
    const link = /Open this link: (\S+)\n/.exec(output)?.[1]
    if (link !== undefined) consent ??= stack.consent(link).then((result) => child.stdin?.end(`${landedAt(result)}\n`))
  }
  child.stdout?.on('data', read)
  child.stderr?.on('data', read)
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).finally(() => clearTimeout(giveUp))
  await consent
  return { status, output }
}

const landedAt = (result: Record<string, string>): string =>
  `https://app.example/connected?${new URLSearchParams(result).toString()}`

describe('the examples of INTEGRATIONS.md', () => {
  const apiCalls = () => stack.broker.provider.journal('api').map(({ answered }) => answered?.status)

  testWith(hasCurl, 'curl')('the curl walk connects, reads, uses and refreshes a token', async () => {
    const { status, output } = await run('bash', ['-euo', 'pipefail', '-c', example('sh', 'oauth')])
    expect([status, output]).toEqual([0, expect.stringMatching(/is active\nThe provider answered 200\nA new token\n$/)])
  })

  testWith(hasCurl, 'curl')('the curl capture stores what was typed and reads it back', async () => {
    const { status, output } = await run('bash', ['-euo', 'pipefail', '-c', example('sh', 'static')])
    const [schema, captured, token] = output.trim().split('\n').map((line): unknown => JSON.parse(line)) // prettier-ignore
    expect(status).toBe(0)
    expect(schema).toMatchObject({ provider_name: 'weather', schema: { required: ['api_key'] } })
    expect(captured).toMatchObject({ status: 'success' })
    expect(token).toMatchObject({ credentials: { api_key: 'what the person typed' }, strategy: { type: 'header' } })
  })

  testWith(hasPython, 'python3')(
    'the Python agent connects, and refreshes once when the provider says 401',
    async () => {
      stack.broker.provider.turnOn('rs.401_invalid_token', { mode: 'times', n: 1 })
      const [before, refreshes] = [apiCalls().length, stack.broker.provider.oracle().refreshes]
      const { status, output } = await run('python3', ['-c', example('python', 'oauth')])
      expect([status, output]).toEqual([
        0,
        expect.stringMatching(/The provider answered 200\nAn unknown id is 404 connection_not_found\n$/),
      ])
      expect(apiCalls().slice(before)).toEqual([401, 200])
      expect(stack.broker.provider.oracle().refreshes).toBe(refreshes + 1)
    },
  )

  test('the TypeScript agent connects and reads a token', async () => {
    const file = join(directory, 'agent.mjs')
    writeFileSync(file, ts.transpile(example('ts', 'oauth'), { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2022 })) // prettier-ignore
    const { status, output } = await run(process.execPath, [file])
    expect([status, output]).toEqual([0, expect.stringMatching(/A Bearer token for \d+ seconds\n$/)])
  })

  test('the TypeScript application completes the connection of its own user (A5)', async () => {
    const file = join(directory, 'application.mjs')
    writeFileSync(file, ts.transpile(example('ts', 'completion'), { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2022 })) // prettier-ignore
    const { status, output } = await run(process.execPath, [file])
    expect([status, output]).toEqual([0, expect.stringMatching(/The connection of user-7 is active\n$/)])
  })

  testWith(hasPython, 'python3')('the Python strategies send what the broker itself would send', async () => {
    const cases = [
      [{ type: 'oauth2' }, { access_token: 'at' }],
      [{ type: 'header', config: { header_name: 'X-Key', credential_field: 'k', value_prefix: 'Token ' } }, { k: 'v' }],
      [{ type: 'header' }, { api_key: 'v' }],
      [{ type: 'query_param', config: { param_name: 'key' } }, { api_key: 'a b&c' }],
      [{ type: 'basic_auth' }, { username: 'ada', password: 'p:ä' }],
    ] as const
    const hmacs = (['sha256', 'sha1'] as const).flatMap((algo) =>
      (['hex', 'base64'] as const).map((encoding) => ({
        given: [{ type: 'hmac_payload', config: { header_name: 'X-Sig', algo, encoding } }, { api_secret: 's' }],
        headers: { 'x-sig': createHmac(algo, 's').update('{}').digest(encoding) },
      })),
    )
    const given = [...cases, ...hmacs.map((each) => each.given)]
    const call = `
import json, sys
for strategy, credentials in json.loads(sys.argv[1]):
    print(json.dumps(apply(strategy, credentials, "https://api.example/x?a=1", {}, b"{}")))
`
    const { status, output } = await run('python3', [
      '-c',
      example('python', 'strategies') + call,
      JSON.stringify(given),
    ])
    expect(status).toBe(0)
    const sent = output.trim().split('\n').map((line) => describeRequest(JSON.parse(line) as [string, Record<string, string>])) // prettier-ignore
    const wanted = cases.map(([strategy, credentials]) => applyStrategy(strategySchema.parse(strategy), credentials))
    expect(sent).toEqual([...wanted, ...hmacs.map(({ headers }) => ({ headers, query: {} }))])
  })
})

/** What was added to the request, in the words of the broker. */
function describeRequest([url, headers]: [string, Record<string, string>]) {
  const query = Object.fromEntries([...new URL(url).searchParams].filter(([name]) => name !== 'a'))
  return { headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])), query } // prettier-ignore
}

test('the errors of the return URL are reasons of the code', () => {
  const reasons = unionMembers('services/broker/src/domain/connection.ts', 'ConnectionReason')
  const rows = tableRows(page, 'Error').map((row) => nameOf(row.Error))
  expect(rows.length).toBeGreaterThan(5)
  expect(rows.filter((name) => !reasons.includes(name))).toEqual([])
})

test('every strategy of the code is explained', () => {
  const types = strategySchema.options.map((each) => each.shape.type.value)
  expect(tableRows(page, '`strategy.type`').map((row) => nameOf(row['`strategy.type`']))).toEqual(types)
})
