import { createServer, type ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import { listen } from './listen.js'

/** Half of floor F1: bytes in, bytes out, over kept connections. */
export function serveGateway(brokerPort: number): Promise<number> {
  const broker = new Pool(`http://127.0.0.1:${brokerPort}`, { connections: 64, pipelining: 1 })
  const server = createServer((request, response) => {
    const path = request.url?.slice('/v1/token'.length) ?? '/'
    broker.dispatch({ method: 'GET', path }, passOn(response))
  })
  return listen(server)
}

const passOn = (response: ServerResponse): Dispatcher.DispatchHandler => ({
  onRequestStart() {},
  onResponseStart: (_controller, status, headers) => void response.writeHead(status, headers),
  onResponseData: (_controller, chunk) => void response.write(chunk),
  onResponseEnd: () => void response.end(),
  onResponseError: () => void response.destroy(),
})
