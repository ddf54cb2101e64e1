import type { Writable } from 'node:stream'

/** Resolves when the kernel took the bytes, or the client left. */
export function write(target: Writable, bytes: Buffer): Promise<void> {
  if (bytes.length === 0 || target.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    target.once('close', resolve)
    target.write(bytes, () => {
      target.off('close', resolve)
      resolve()
    })
  })
}

/** Keeps no process alive. */
export const pauseMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref())
