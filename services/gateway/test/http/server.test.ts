import { connect } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { answerJson, callerKey, connectionId, findClosedPort, startStandIn, startTestGateway } from '../gateway.js'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(environment: Record<string, string> = {}) {
  const broker = await startStandIn(({ url }, response) => answerJson(response, url === '/readyz' ? 404 : 200, {}))
  const gateway = await startTestGateway({ BROKER_BASE_URL: broker.url, ...environment })
  closers.push(broker.close, gateway.close)
  return { broker, gateway }
}

describe('cross-origin calls', () => {
  const allowed = 'https://app.example'
  const preflight = (url: string, origin: string, method = 'POST') =>
    fetch(url, { method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': method } })

  test('are allowed from listed origins, with the methods a path has and no others (fault 62)', async () => {
    const { gateway } = await start({ CORS_ALLOWED_ORIGINS: `${allowed},https://other.example` })
    const answer = await preflight(`${gateway.url}/v1/request-connection`, allowed)
    expect([answer.status, Object.fromEntries(answer.headers)]).toMatchObject([
      204,
      {
        'access-control-allow-origin': allowed,
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': expect.stringContaining('X-API-Key'),
        vary: 'Origin',
      },
    ])
    const call = await fetch(`${gateway.url}/v1/providers`, { headers: { Origin: allowed, 'X-API-Key': callerKey } })
    expect(call.headers.get('access-control-allow-origin')).toBe(allowed)
    const refusal = await fetch(`${gateway.url}/v1/providers`, { headers: { Origin: allowed } })
    expect([refusal.status, refusal.headers.get('access-control-allow-origin')]).toEqual([401, allowed])
  })

  test.each([`${allowed}.evil.example`, 'https://evil.example', 'null', 'http://app.example', `${allowed}:8443`])(
    'are not allowed from %s',
    async (origin) => {
      const { gateway } = await start({ CORS_ALLOWED_ORIGINS: allowed })
      const answer = await preflight(`${gateway.url}/v1/request-connection`, origin)
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([405, null])
    },
  )

  test('are never allowed to the browser routes, nor anywhere when no origin is listed (A78)', async () => {
    const { gateway } = await start({ CORS_ALLOWED_ORIGINS: allowed })
    expect((await preflight(`${gateway.url}/auth/callback`, allowed, 'GET')).status).toBe(405)
    const { gateway: closed } = await start()
    expect((await preflight(`${closed.url}/v1/providers`, 'http://localhost:3000', 'GET')).status).toBe(405)
  })
})

describe('the probes', () => {
  test('health asks nobody, readiness asks the broker', async () => {
    const { gateway, broker } = await start()
    for (const path of ['/health', '/healthz']) {
      const answer = await fetch(gateway.url + path)
      expect([answer.status, await answer.json()]).toEqual([200, { status: 'healthy' }])
    }
    expect(broker.received).toEqual([])
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)
    expect(broker.received.map(({ url }) => url)).toEqual(['/readyz', '/healthz'])
  })

  test('readiness is 503 while the broker is away, and the gateway starts all the same', async () => {
    const { gateway } = await start({ BROKER_BASE_URL: `http://127.0.0.1:${await findClosedPort()}` })
    const answers = await Promise.all(['/readyz', '/healthz'].map((path) => fetch(gateway.url + path)))
    expect(answers.map(({ status }) => status)).toEqual([503, 200])
  })
})

describe('metrics', () => {
  test('count requests and broker calls by pattern and status, and hold no id (fault 63)', async () => {
    const { gateway } = await start()
    await fetch(`${gateway.url}/v1/token/${connectionId}`, { headers: { 'X-API-Key': callerKey } })
    await fetch(`${gateway.url}/v1/token/${connectionId}`)
    await fetch(`${gateway.url}/${connectionId}`)
    const answer = await fetch(`${gateway.url}/metrics`)
    const text = await answer.text()
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    const requests = 'dromos_gateway_requests_total{edge="http",route='
    expect(text).toContain(`${requests}"GET /v1/token/:connection_id",status="200"} 1`)
    expect(text).toContain(`${requests}"GET /v1/token/:connection_id",status="401"} 1`)
    expect(text).toContain(`${requests}"unmatched",status="404"} 1`)
    expect(text).toContain('dromos_gateway_requests_in_flight{edge="http"} 1')
    expect(text).toContain('broker_call_duration_seconds_count{operation="get_token",outcome="2xx"} 1')
    expect(text).toContain('process_cpu_seconds_total')
    expect(text).not.toContain(connectionId)
  })

  test('leave the main port when METRICS_PORT is set or METRICS_ON_MAIN_PORT is false (fault 11)', async () => {
    const { gateway } = await start({ METRICS_PORT: '0' })
    expect((await fetch(`${gateway.url}/metrics`)).status).toBe(404)
    expect((await fetch(`http://127.0.0.1:${gateway.metricsPort}/metrics`)).status).toBe(200)
    expect((await fetch(`http://127.0.0.1:${gateway.metricsPort}/health`)).status).toBe(404)
    const { gateway: silent } = await start({ METRICS_ON_MAIN_PORT: 'false' })
    expect((await fetch(`${silent.url}/metrics`)).status).toBe(404)
  })
})

describe('the listener', () => {
  const speak = (port: number, text: string): Promise<string> =>
    new Promise((resolve) => {
      let answer = ''
      const socket = connect(port, '127.0.0.1', () => socket.write(text))
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString()
        socket.destroy()
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(answer))
    })

  test.each([
    ['both lengths', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '400'],
    ['two lengths', 'Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde', '400'],
    ['a folded header', 'X-Folded: a\r\n\tb\r\n\r\n', '400'],
    ['a bare line feed', 'X-Bare: a\nContent-Length: 0\r\n\r\n', '400'],
    ['more headers than 16 KiB', `X-Long: ${'a'.repeat(20_000)}\r\n\r\n`, '431'],
  ])('refuses a request with %s and sends nothing on (fault 8)', async (_title, rest, expected) => {
    const { gateway, broker } = await start()
    const head = `POST /v1/refresh/${connectionId} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${callerKey}\r\n`
    expect(await speak(gateway.httpPort, head + rest)).toMatch(new RegExp(`^HTTP/1.1 ${expected} `))
    expect(broker.received).toEqual([])
  })

  test('finishes what is in flight before it closes (fault 8)', async () => {
    const release: (() => void)[] = []
    const broker = await startStandIn((_request, response) => release.push(() => answerJson(response, 200, { a: 1 })))
    const gateway = await startTestGateway({ BROKER_BASE_URL: broker.url })
    closers.push(broker.close)
    const call = fetch(`${gateway.url}/v1/token/${connectionId}`, { headers: { 'X-API-Key': callerKey } })
    while (release.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const closed = gateway.close()
    await expect(fetch(`${gateway.url}/health`)).rejects.toThrow()
    for (const each of release) each()
    expect(await (await call).json()).toEqual({ a: 1 })
    await closed
  })
})

test('a start that fails leaves no port open', async () => {
  const { gateway } = await start()
  const port = await findClosedPort()
  const environment = { PORT_HTTP: String(port), PORT_GRPC: String(gateway.grpcPort) }
  await expect(startTestGateway(environment)).rejects.toThrow(`gRPC port ${gateway.grpcPort}`)
  await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow()
})
