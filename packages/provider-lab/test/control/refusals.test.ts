import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { request } from 'node:http'
import { startControlledLab, type ControlledLab } from './control.js'

let lab: ControlledLab
beforeAll(async () => {
  lab = await startControlledLab({ maxProviders: 3 })
  await lab.ask('POST', '/ctl/t', { id: 'here' })
})
afterAll(() => lab.close())

test.each([
  ['POST', '/ctl/t', { preset: 'oktopus' }, 400, 'choose one of google, microsoft'],
  ['POST', '/ctl/t', { client: 'x' }, 400, 'the body has no member client; it knows: preset'],
  ['POST', '/ctl/t', { switches: { 'tok.nope': {} } }, 404, 'GET /ctl/switches lists them'],
  ['POST', '/ctl/t', { pkce: 'maybe' }, 400, 'pkce must be one of required, optional, ignored, not "maybe"'],
  ['POST', '/ctl/t', { access_token_seconds: -1 }, 400, 'a number from 0, not -1'],
  ['POST', '/ctl/t', '{"id":', 400, 'the body is not JSON'],
  ['POST', '/ctl/t', [], 400, 'the body must be a JSON object'],
  ['POST', '/ctl/t', { id: 'here' }, 409, 'choose another id or delete it first'],
  ['POST', '/ctl/t', { id: '../etc' }, 409, '1 to 64 letters'],
  ['PUT', '/ctl/t/here/switch/tok.429', { mode: 'sometimes' }, 400, 'one of always, times, nth, prob'],
  ['PUT', '/ctl/t/here/switch/tok.429', { p: 2 }, 400, 'a number from 0 to 1'],
  ['PUT', '/ctl/t/here/switch/tok.429', { often: true }, 400, 'it knows: mode, n, p, value, only'],
  ['PUT', '/ctl/t/here/switch/__proto__', {}, 404, "there is no switch '__proto__'"],
  ['PUT', '/ctl/t/gone/switch/tok.429', {}, 404, 'POST /ctl/t makes one'],
  ['POST', '/ctl/t/here/clock', {}, 400, 'the body must have a member advance_ms'],
  ['POST', '/ctl/t/here/hold', { point: 'noon' }, 400, 'one of before-rotate, after-rotate'],
  ['POST', '/ctl/t/here/release', { hold: 'h99' }, 404, 'there is no hold'],
  ['GET', '/ctl/t/here/journal?after=x', undefined, 400, 'after must be a whole number'],
  ['GET', '/ctl/t/here/journal?endpoint=x', undefined, 400, 'endpoint must be one of discovery, authorize'],
  ['PATCH', '/ctl/t/here', undefined, 405, 'takes GET, DELETE'],
  ['GET', '/elsewhere', undefined, 404, 'GET /ctl lists what is'],
  ['GET', '/ctl/t/%zz', undefined, 400, 'percent-encoded'],
] as const)('%s %s %j is refused with %i and says what to do', async (method, path, body, status, says) => {
  const reply = await lab.ask(method, path, body)
  expect(reply).toEqual({
    status,
    type: 'application/problem+json',
    body: { status, title: expect.any(String), detail: expect.stringContaining(says) },
  })
})

test('a lab that is full says so', async () => {
  await lab.ask('POST', '/ctl/t', {})
  await lab.ask('POST', '/ctl/t', {})
  expect(await lab.ask('POST', '/ctl/t', {})).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('full') },
  })
})

test('a page in a browser cannot use it: neither another origin nor a name bound to loopback', async () => {
  const crossOrigin = await lab.ask('POST', '/ctl/t', {}, { origin: 'https://evil.example' })
  expect(crossOrigin.status).toBe(403)
  const rebound = await new Promise<number | undefined>((resolve) => {
    request(`${lab.control.url}/ctl/t`, { headers: { host: 'evil.example' } }, ({ statusCode }) =>
      resolve(statusCode),
    ).end()
  })
  expect(rebound).toBe(403)
})
