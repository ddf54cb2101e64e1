import { connect, type Socket } from 'node:net'

// Owns bytes on a socket that no HTTP library would send. Does not own what a server should make of them.

/** Sends the bytes and answers all that comes back until the server closes or says nothing more for `silenceMs`. */
export function exchangeBytes(port: number, bytes: string | readonly string[], silenceMs = 3_000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let received = ''
    const end = (): void => {
      socket.destroy()
      resolve(received)
    }
    socket.setTimeout(silenceMs, end)
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')))
    socket.on('error', () => undefined) // a reset is an answer, too
    socket.on('close', end)
    for (const part of typeof bytes === 'string' ? [bytes] : bytes) socket.write(part, 'latin1')
  })
}

/** The status codes of all answers in what came back, in order. */
export const statusesIn = (received: string): number[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))

/** Sockets that send `begin` and then nothing. */
export async function openIdle(port: number, count: number, begin: string): Promise<{ close(): void }> {
  const sockets: Socket[] = []
  for (let opened = 0; opened < count; opened++)
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve())
      socket.on('error', () => resolve())
      if (begin !== '') socket.write(begin)
      sockets.push(socket)
    })
  return { close: () => sockets.forEach((socket) => socket.destroy()) }
}
