import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import { searchForLeaks, suiteOfCaller } from '@dromos/local/leak-canary'
import { createLogger } from '@dromos/runtime'
import { startGateway, type Gateway } from '../src/app.js'
import { parseConfig } from '../src/config.js'

export const callerKey = 'dk_caller1_s3cret'
export const connectionId = 'c0ffee00-1111-4222-8333-444455556666'

export type TestGateway = Gateway & {
  url: string
  /** Every line that was logged, as text. */
  logged(): string
}

/** Starts a gateway on free ports; `environment` is laid over a complete configuration. */
export async function startTestGateway(environment: Record<string, string>): Promise<TestGateway> {
  const suite = suiteOfCaller()
  const config = parseConfig({ PORT_HTTP: '0', PORT_GRPC: '0', LOG_LEVEL: 'info', ...environment })
  const lines: string[] = []
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  const gateway = await startGateway(config, createLogger({ service: 'gateway', level: config.logLevel, destination }))
  const logged = (): string => lines.join('')
  const close = async (): Promise<void> => {
    await gateway.close()
    searchForLeaks('log of the gateway', suite, logged())
  }
  return { ...gateway, close, url: `http://127.0.0.1:${gateway.httpPort}`, logged }
}

export type Received = { method: string; url: string; headers: IncomingMessage['headers']; body: string }

export type BrokerStandIn = {
  url: string
  /** Every request that arrived, in order. */
  received: Received[]
  close(): Promise<void>
}

/** A bare HTTP server in the broker's place, for what only the wire can show: faults of transport and exact headers. */
export async function startStandIn(
  answer: (request: Received, response: ServerResponse) => void,
): Promise<BrokerStandIn> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => response.destroy())
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const seen = { method, url, headers, body: Buffer.concat(chunks).toString() }
      received.push(seen)
      answer(seen, response)
    })
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export const answerJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) => response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body))

/** A port on which nothing listens. */
export async function findClosedPort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}
