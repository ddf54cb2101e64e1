import { connect, createServer, type Server, type Socket } from 'node:net'

// Owns one address for several brokers, as a load balancer has it: each connection goes to a replica that is up.

export type Front = { url: string; close(): Promise<void> }

/** `targets` are ports. A replica that refuses the connection is passed over. */
export async function startFront(port: number, targets: readonly number[]): Promise<Front> {
  const open = new Set<Socket>()
  let turn = 0
  const remember = (socket: Socket): void => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
  }
  const join = (incoming: Socket, triesLeft: number): void => {
    const onward = connect(targets[turn++ % targets.length] ?? 0, '127.0.0.1')
    remember(onward)
    const passOver = (): void => (triesLeft === 0 ? void incoming.destroy() : join(incoming, triesLeft - 1))
    onward.once('error', passOver)
    onward.once('connect', () => {
      onward.off('error', passOver)
      incoming.pipe(onward).pipe(incoming)
      incoming.once('close', () => onward.destroy())
      onward.once('close', () => incoming.destroy())
    })
  }
  const server: Server = createServer((incoming) => {
    remember(incoming)
    join(incoming, targets.length - 1)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}
