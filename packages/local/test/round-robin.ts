import { createServer, request as httpRequest, type Server } from 'node:http'

export type RoundRobin = { served: number[]; close(): Promise<void> }

/** A load balancer for a test: each HTTP request goes to the next port in turn. `served` counts them. */
export async function startRoundRobin(port: number, targets: readonly number[]): Promise<RoundRobin> {
  const served = targets.map(() => 0)
  let turn = 0
  const server: Server = createServer((incoming, outgoing) => {
    const index = turn++ % targets.length
    served[index] = (served[index] ?? 0) + 1
    const { method, url, headers } = incoming
    const onward = httpRequest({ host: '127.0.0.1', port: targets[index], method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.writeHead(502).end())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(port, resolve))
  return {
    served,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
