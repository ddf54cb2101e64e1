import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import express, { type ErrorRequestHandler, type Express, Router } from 'express'
import { listenHttp } from '../../src/index.js'
import { messageClasses } from '../../src/http/message-classes.js'

// Everything our services use of express, and what a route might come to use: behaviour must not depend on how messages
// are made.
function featureApp(): Express {
  const app = express()
  app.set('trust proxy', ['loopback', '10.0.0.0/8'])
  app.set('env', 'production')
  app.use(express.json({ limit: 100 }))
  app.get('/params/:one/:two', (request, response) => response.json({ ...request.params, path: request.path }))
  app.get('/query', (request, response) => response.json(request.query))
  app.post('/json', (request, response) => response.status(201).json({ got: request.body }))
  app.get('/send', (_request, response) => response.set('X-Extra', 'a').type('text').vary('Origin').send('hello'))
  app.get('/redirect', (_request, response) => response.redirect(303, '/elsewhere?a=1'))
  app.get('/cookies', (_request, response) =>
    response.cookie('a', 'b c', { httpOnly: true, sameSite: 'lax', path: '/x' }).clearCookie('old').end(),
  )
  app.get('/status', (_request, response) => response.sendStatus(418))
  app.get('/locals', (_request, response) => {
    response.locals.one = 1
    response.json({ ...response.locals, inherits: Object.getPrototypeOf(response.locals) !== null })
  })
  app.get('/who', (request, response) =>
    response.json({
      ip: request.ip,
      ips: request.ips,
      protocol: request.protocol,
      secure: request.secure,
      host: request.hostname,
      xhr: request.xhr,
      accepts: request.accepts(['json', 'html']),
      is: request.is('json'),
      agent: request.get('user-agent'),
      fresh: request.fresh,
    }),
  )
  app.get('/cycle', (request, response) =>
    response.json({ request: response.req === request, response: request.res === response, app: request.app === app }),
  )
  app.get('/stream', (_request, response) => void Readable.from(['one', 'two']).pipe(response.type('text')))
  app.get('/chunks', (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain' })
    response.write('a')
    response.end('b')
  })
  app.get('/format', (_request, response) =>
    response.format({ json: () => response.json({ as: 'json' }), text: () => response.send('text') }),
  )
  app.get('/thrown', () => {
    throw new Error('synchronous')
  })
  app.get('/rejected', () => Promise.reject(new Error('asynchronous')))
  const router = Router({ mergeParams: true })
  router.get('/leaf', (request, response) =>
    response.json({ ...request.params, base: request.baseUrl, url: request.url }),
  )
  app.use('/branch/:id', router)
  const mounted = express()
  mounted.get('/inside', (request, response) =>
    response.json({ base: request.baseUrl, isMounted: request.app === mounted }),
  )
  app.use('/mounted', mounted)
  app.get('/after-mounted', (request, response) => response.json({ app: request.app === app }))
  const answerError: ErrorRequestHandler = (error: Error & { status?: number }, _request, response, next) =>
    response.headersSent ? next(error) : response.status(error.status ?? 500).json({ message: error.message })
  app.use(answerError)
  return app
}

type Case = { title: string; path: string; method?: string; headers?: Record<string, string>; body?: string }

const json = { 'content-type': 'application/json' }

const cases: Case[] = [
  { title: 'params', path: '/params/a%20b/c' },
  { title: 'query', path: '/query?a=1&b=2&a=3&c[d]=4' },
  { title: 'a JSON body', path: '/json', method: 'POST', headers: json, body: '{"a":[1,null]}' },
  { title: 'a body that is no JSON', path: '/json', method: 'POST', headers: json, body: '{' },
  { title: 'a body that is too large', path: '/json', method: 'POST', headers: json, body: `"${'x'.repeat(200)}"` },
  { title: 'headers and text', path: '/send' },
  { title: 'an answer that is fresh', path: '/send', headers: { 'if-none-match': '*', 'cache-control': 'max-age=0' } },
  { title: 'a redirect', path: '/redirect' },
  { title: 'cookies', path: '/cookies' },
  { title: 'sendStatus', path: '/status' },
  { title: 'locals', path: '/locals' },
  { title: 'the caller', path: '/who', headers: { 'user-agent': 'me' } },
  {
    title: 'the caller behind trusted proxies',
    path: '/who',
    headers: { 'x-forwarded-for': '6.6.6.6, 192.0.2.7, 10.1.2.3', 'x-forwarded-proto': 'https', host: 'a.example:1' },
  },
  { title: 'references between the messages', path: '/cycle' },
  { title: 'a stream', path: '/stream' },
  { title: 'writeHead, write and end', path: '/chunks' },
  { title: 'content negotiation', path: '/format', headers: { accept: 'text/plain' } },
  { title: 'HEAD', path: '/send', method: 'HEAD' },
  { title: 'OPTIONS', path: '/send', method: 'OPTIONS' },
  { title: 'an unknown route', path: '/nowhere' },
  { title: 'another method', path: '/send', method: 'DELETE' },
  { title: 'a path that cannot be decoded', path: '/params/%ff/x' },
  { title: 'a thrown error', path: '/thrown' },
  { title: 'a rejected promise', path: '/rejected' },
  { title: 'a router below a parameter', path: '/branch/7/leaf?x=1' },
  { title: 'a mounted application', path: '/mounted/inside' },
  { title: 'a route after a mounted application', path: '/after-mounted' },
]

type Server = { url: string; close(): Promise<void> }

const plainExpress = (app: Express): Promise<Server> => listening(createServer(app))

async function listening(server: HttpServer): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => new Promise((resolve) => server.close(() => resolve())) }
}

async function asServed(app: Express): Promise<Server> {
  const server = await listenHttp(app, { port: 0, host: '127.0.0.1' })
  return { url: `http://127.0.0.1:${server.port}`, close: server.close }
}

async function ask(server: Server, { path, method = 'GET', headers = {}, body }: Case) {
  const answer = await fetch(server.url + path, {
    method,
    redirect: 'manual',
    headers: { connection: 'close', ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const kept = [...answer.headers].filter(([name]) => name !== 'date')
  return { status: answer.status, headers: kept, body: await answer.text() }
}

describe('a server as the services start it', () => {
  let plain: Server
  let served: Server
  beforeAll(async () => {
    plain = await plainExpress(featureApp())
    served = await asServed(featureApp())
  })
  afterAll(() => Promise.all([plain.close(), served.close()]))

  test.each(cases)('answers as plain express does: $title', async (each) => {
    expect(await ask(served, each)).toEqual(await ask(plain, each))
  })

  test('the table covers successes, redirects, refusals and failures', async () => {
    const statuses = await Promise.all(cases.map(async (each) => (await ask(plain, each)).status))
    expect([...new Set(statuses)].sort()).toEqual([200, 201, 303, 304, 400, 404, 413, 418, 500])
  })

  test('messages have their prototypes before express sees them, so nothing is left to change', async () => {
    const app = express()
    const prototypesOf = (one: object, other: object): unknown[] =>
      [one, other].map((each) => Object.getPrototypeOf(each))
    let born: unknown[] = []
    let seen: unknown[] = []
    app.use((request, response) => {
      seen = prototypesOf(request, response)
      response.end()
    })
    const server = createServer(messageClasses(app), (request, response) => {
      born = prototypesOf(request, response)
      app(request, response)
    })
    const { url, close } = await listening(server)
    await fetch(url, { headers: { connection: 'close' } })
    await close()
    expect(born.map((prototype, place) => prototype === seen[place])).toEqual([true, true])
  })
})
