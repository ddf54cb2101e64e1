import { createServer } from 'node:net'

/** `wanted` if it can be bound on 127.0.0.1 now, else a port the system chooses. Somebody may take it before you do. */
export async function freePort(wanted: number | undefined): Promise<number> {
  return (wanted !== undefined && (await bindable(wanted))) || (await bindable(0)) || freePort(undefined)
}

/** The port that was bound and released again (never 0), or undefined when it is taken. */
export function bindable(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(undefined))
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined))
    })
  })
}
