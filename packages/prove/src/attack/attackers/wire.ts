import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { AgentWorld } from '../agent.js'
import { type Attacker, mustBeRefused } from './attacker.js'

// Owns attacks below the protocol's surface: bytes that are no HTTP, too much of it, or too slow (A44, A74, A75).

const request = (line: string, ...headers: string[]): string => [line, 'Host: x', ...headers, '', ''].join('\r\n')

const garbage: readonly string[] = [
  '\u0000\u0001\u0002\r\n\r\n',
  'GET\r\n\r\n',
  request('GET / HTTP/9.9'),
  request('BREW /v1/token/x HTTP/1.1'),
  request('GET http://[::1 HTTP/1.1'),
  request('GET /v1/%zz%00 HTTP/1.1', 'Connection: close'),
  request('POST /v1/request-connection HTTP/1.1', 'Content-Length: 5', 'Transfer-Encoding: chunked') +
    '0\r\n\r\nGET /x',
  request('POST /v1/request-connection HTTP/1.1', 'Content-Length: -1'),
  request('POST /v1/request-connection HTTP/1.1', 'Content-Length: 5', 'Content-Length: 6'),
  request('POST /v1/request-connection HTTP/1.1', 'Transfer-Encoding: xchunked', 'Connection: close'),
  request('GET /healthz HTTP/1.1', ' folded: a\r\n  b', 'Connection: close'),
  'GET /healthz HTTP/1.1\nHost: x\n\n',
  request('GET /healthz HTTP/1.1', 'X-Long: ' + 'a'.repeat(64_000)),
  request(`GET /${'a'.repeat(64_000)} HTTP/1.1`),
  request('GET / HTTP/1.1', 'Upgrade: websocket', 'Connection: Upgrade'),
  request('CONNECT evil.example:443 HTTP/1.1'),
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
]

const refusedOrClosed = /^$|^HTTP\/1\.1 (4\d\d|501|505) /

const portsOf = ({ cast }: AgentWorld): number[] =>
  [cast.front.url, ...cast.gateways.map(({ url }) => url)].map((url) => Number(new URL(url).port))

const rawGarbage: Attacker = {
  tries: 'raw sockets with what is no HTTP, smuggled lengths, endless headers (A74)',
  async attack(world) {
    const blob = world.dice.pick(garbage) ?? ''
    const answer = await speak(world.dice.pick(portsOf(world)) ?? 0, blob)
    const isPlain = /^GET \/healthz/.test(blob) || /^HTTP\/1\.1 (502|503|504) /.test(answer)
    if (!refusedOrClosed.test(answer) && !isPlain)
      world.cast.recorder.violated('an answer to garbage', `${blob.slice(0, 60)} -> ${answer.slice(0, 120)}`)
    if (answer.startsWith('HTTP/1.1 500'))
      world.cast.recorder.violated('an error of our own making', answer.slice(0, 200))
    world.cast.recorder.did(`garbage: ${answer.slice(9, 12) || 'closed'}`)
  },
}

/** Says it and listens until the other side is done, five seconds at most. */
function speak(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    socket.setTimeout(5_000, () => socket.destroy())
    socket.on('data', (bytes) => (received += bytes.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(received))
    socket.write(Buffer.from(text, 'latin1'))
    socket.setTimeout(1_500, () => socket.destroy())
  })
}

const slowRequest: Attacker = {
  tries: 'requests that come one byte a second: ended by the server after its header deadline (A75)',
  async attack(world) {
    const socket = connect(world.dice.pick(portsOf(world)) ?? 0, '127.0.0.1')
    const ended = new Promise<'ended'>((resolve) => socket.once('close', () => resolve('ended')))
    socket.on('error', () => undefined)
    socket.resume()
    const outcome = await drip(socket, ended, world)
    socket.destroy()
    if (outcome === 'waited')
      world.cast.recorder.violated('a slow request was waited for', '60 s without the end of its headers')
    world.cast.recorder.did(`slow request: ${outcome}`)
  },
}

const longestDripSeconds = 60

async function drip(
  socket: Socket,
  ended: Promise<'ended'>,
  { leftMs }: AgentWorld,
): Promise<'ended' | 'waited' | 'stopped'> {
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ')
  for (let second = 0; second < longestDripSeconds; second++) {
    if ((await Promise.race([ended, pause(1_000)])) === 'ended') return 'ended'
    if (leftMs() === 0) return 'stopped'
    if (!socket.destroyed) socket.write('a')
  }
  return 'waited'
}

const oversize: Attacker = {
  tries: 'bodies that are too large, too deep, of another kind, or poison prototypes (A45, A52, A75)',
  async attack(world) {
    const { cast, dice, http } = world
    const key = dice.pick(world.world.tenants)?.key ?? ''
    const url = `${dice.pick(cast.gateways)?.url}/v1/request-connection`
    const json = { 'content-type': 'application/json' }
    const bodies: readonly [string, Record<string, string>, ...string[]][] = [
      [`{"user_id":"${'a'.repeat(100_000)}"}`, json, '413 payload_too_large'],
      ['['.repeat(30_000), json, '400 invalid_json'],
      ['{"user_id":', json, '400 invalid_json'],
      ['[]', json, '400 invalid_json', '400 invalid_request'],
      ['{"__proto__":{"user_id":"x"},"constructor":{}}', json, '400 missing_fields', '400 invalid_request'],
      [
        'user_id=a',
        { 'content-type': 'text/plain' },
        '400 invalid_json',
        '400 missing_fields',
        '415 unsupported_media_type',
      ],
      ['\u001f\u008b', { ...json, 'content-encoding': 'gzip' }, '415 unsupported_media_type'],
      [
        `{"user_id":"a","provider_name":"${'%'.repeat(90)}","return_url":"https://app.example.com/"}`,
        json,
        '404 provider_not_found',
        '400 invalid_request',
      ],
    ]
    const [body, headers, ...refusals] = dice.pick(bodies) ?? ['', json]
    mustBeRefused(world, `the body ${body.slice(0, 30)}`, await http.send({ url, key, body, headers }), ...refusals)
  },
}

export const wireAttackers: readonly Attacker[] = [rawGarbage, slowRequest, oversize]
