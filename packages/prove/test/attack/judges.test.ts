import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { type LabProvider, startProviderLab } from 'dromos-lab'
import { readDocumentedErrors } from '../../src/attack/documented-errors.js'
import { createHttpCaller } from '../../src/attack/http-caller.js'
import { createRecorder } from '../../src/attack/recorder.js'
import { searchLogs } from '../../src/attack/search-traces.js'
import { createSecrets } from '../../src/attack/secrets.js'
import { createSeries } from '../../src/attack/series.js'
import { createTokenJudge } from '../../src/attack/served-token.js'
import { testify } from '../../src/attack/testimony.js'
import { createWorld } from '../../src/attack/world.js'

// The judges of `npm run attack` must be able to condemn: each sees here what it must never see there.

const token = 'at_f1_g2_0123456789abcdef'
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const rulesIn = (recorder: ReturnType<typeof createRecorder>): string[] => {
  const { violations, unclassified } = recorder.report()
  return [...Object.keys(violations), ...Object.keys(unclassified)]
}

async function judged(status: number, body: string): Promise<{ rules: string[]; samples: string }> {
  const server: Server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const secrets = createSecrets()
  const recorder = createRecorder(secrets)
  const http = createHttpCaller({ recorder, secrets, documented: readDocumentedErrors(), mayBreak: () => false })
  ends.push(
    () => http.close(),
    () => new Promise((resolve) => server.close(resolve)),
  )
  await http.send({ url: `http://127.0.0.1:${port}/v1/connections` })
  return { rules: rulesIn(recorder), samples: JSON.stringify(recorder.report()) }
}

describe('an HTTP answer', () => {
  const cases: [what: string, status: number, body: string, rules: string[]][] = [
    ['a documented refusal is fine', 404, '{"code":"connection_not_found"}', []],
    ['a code that no page has is unclassified', 404, '{"code":"gone_fishing"}', ['HTTP 404 gone_fishing']],
    ['a code with the status of another is unclassified', 400, '{"code":"connection_not_found"}', ['HTTP 400 connection_not_found']],
    ['an error without a code is unclassified', 502, '<html>', ['HTTP 502 without a code']],
    ['internal_error is a violation, documented or not', 500, '{"code":"internal_error"}', ['an error of our own making']],
    ['a token outside the token route is a violation', 200, `{"x":"${token}"}`, ['a secret in an answer']],
  ] // prettier-ignore
  test.each(cases)('%s', async (_what, status, body, rules) => {
    const outcome = await judged(status, body)
    expect(outcome.rules).toEqual(rules)
    expect(outcome.samples).not.toContain(token)
  })

  test('no answer at all is unclassified, unless its process was ended on purpose', async () => {
    const secrets = createSecrets()
    const recorder = createRecorder(secrets)
    const options = { recorder, secrets, documented: readDocumentedErrors() }
    const [strict, lenient] = [false, true].map((mayBreak) =>
      createHttpCaller({ ...options, mayBreak: () => mayBreak }),
    )
    ends.push(async () => Promise.all([strict?.close(), lenient?.close()]))
    await lenient?.send({ url: 'http://127.0.0.1:1/' })
    expect(rulesIn(recorder)).toEqual([])
    await strict?.send({ url: 'http://127.0.0.1:1/' })
    expect(rulesIn(recorder)).toEqual(['no answer: ECONNREFUSED'])
  })
})

describe('a served token', () => {
  const serve = async (served: string, newest: [number, number]): Promise<string[]> => {
    const recorder = createRecorder(createSecrets())
    const tenant = { name: 'north', key: 'k', auditorKey: 'a' }
    const connection = createWorld([tenant]).add({ id: 'cn_1', tenant, provider: 'strict', subject: 'ada' })
    const families = new Map([['f1', 'ada'], ['f2', 'bob']]) // prettier-ignore
    const subjectOf = (_provider: string, family: string) => Promise.resolve(families.get(family))
    await createTokenJudge({ lab: { subjectOf }, recorder })(connection, newest, served)
    return rulesIn(recorder)
  }
  test('of the right account is fine', async () => expect(await serve(token, [1, 2])).toEqual([]))
  test('of another account is a violation', async () =>
    expect(await serve('at_f2_g1_00', [0, 0])).toEqual(['a token of another account']))
  test('older than one served before is a violation', async () =>
    expect(await serve(token, [1, 3])).toEqual(['an older token than one served before']))
  test('of the former grant is fine after one that came without a refresh token (generation 0)', async () =>
    expect(await serve(token, [3, 0])).toEqual([]))
  test('that nobody issued is a violation', async () =>
    expect(await serve('attacker', [0, 0])).toEqual(['a token nobody issued']))
})

describe("the provider's testimony", () => {
  async function refresh({ tokenEndpoint, clientId, clientSecret }: LabProvider, refreshToken: string): Promise<void> {
    const grant = { grant_type: 'refresh_token', refresh_token: refreshToken }
    const body = new URLSearchParams({ ...grant, client_id: clientId, client_secret: clientSecret })
    await fetch(tokenEndpoint, { method: 'POST', body }).catch(() => undefined)
  }
  async function presentedTwice(how: 'honestly' | 'in doubt') {
    const lab = await startProviderLab()
    ends.push(() => lab.close())
    const provider = lab.createProvider({ oidc: false })
    const { refreshToken } = provider.issue()
    if (how === 'in doubt') provider.turnOn('tok.reset_after_rotate', { mode: 'times', n: 1 })
    await refresh(provider, refreshToken)
    await refresh(provider, refreshToken)
    return testify(provider)
  }
  test('names a refresh token that came again after a clean answer', async () => {
    const { repeats, reuses, families } = await presentedTwice('honestly')
    expect({ repeats: repeats.map(({ family }) => family), reuses, alive: families[0]?.alive }).toEqual({
      repeats: ['f1'],
      reuses: 1,
      alive: false,
    })
  })
  test('excuses one whose first answer was lost', async () => {
    const { repeats, families } = await presentedTwice('in doubt')
    expect({ repeats, suffered: families[0]?.suffered }).toEqual({ repeats: [], suffered: ['tok.reset_after_rotate'] })
  })
})

test('a secret and an unhandled rejection in a log are found', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dromos-attack-logs-'))
  ends.push(async () => Promise.resolve(rmSync(directory, { recursive: true })))
  const lines = [
    `{"level":30,"msg":"${token}"}`,
    'UnhandledRejection: boom',
    '{"level":50,"msg":"failed","reason":"x"}',
    '',
  ]
  writeFileSync(join(directory, 'broker.log'), lines.join('\n'))
  const secrets = createSecrets()
  const recorder = createRecorder(secrets)
  expect(await searchLogs(directory, recorder, secrets)).toMatchObject({ 'failed (x)': 1 })
  expect(rulesIn(recorder)).toEqual(['a secret in a log', 'an unhandled rejection'])
})

test('growth is told apart from a sawtooth', () => {
  const [growing, sawtooth] = [createSeries(), createSeries()]
  for (let minute = 0; minute < 30; minute++) {
    const sample = { atMs: minute * 60_000, heapMb: 20, openFiles: 1, handles: 1, lines: 1 }
    growing.add({ ...sample, residentMb: 100 + minute })
    sawtooth.add({ ...sample, residentMb: 100 + (minute % 3) * 10 })
  }
  expect(growing.growth(0)).toMatchObject({ minutes: 29, growthMb: 24, slopeMbPerHour: 60 })
  expect(Math.abs(sawtooth.growth(0)?.growthMb ?? 99)).toBeLessThanOrEqual(10)
  expect(growing.growth(27 * 60_000)).toBeUndefined()
})
