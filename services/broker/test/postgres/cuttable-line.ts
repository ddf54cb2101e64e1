import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP line to PostgreSQL that can fail in the ways a network does. */
export type CuttableLine = {
  url: string
  /** Ends every session and refuses new ones. */
  cut(): void
  /** Lets requests through and swallows every answer, without closing anything. */
  silence(): void
  /** The next answer to a message that contains `text` never arrives: its session ends instead. */
  loseAnswerTo(text: string): void
  mend(): void
  close(): Promise<void>
}

export async function cuttableLine(databaseUrl: string): Promise<CuttableLine> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let state: 'open' | 'cut' | 'silent' = 'open'
  let lostText: string | undefined

  const server = createServer((near) => {
    if (state === 'cut') return void near.destroy()
    const far = connect(Number(target.port), target.hostname)
    let isAnswerLost = false
    for (const [one, opposite] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one
        .on('error', () => undefined)
        .on('close', () => {
          sockets.delete(one)
          opposite.destroy()
        })
    }
    near.on('data', (data) => {
      if (lostText !== undefined && data.includes(lostText)) {
        isAnswerLost = true
        lostText = undefined
      }
      far.write(data)
    })
    far.on('data', (data) => {
      if (isAnswerLost) near.destroy()
      else if (state !== 'silent') near.write(data)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(databaseUrl)
  url.port = String((server.address() as AddressInfo).port)

  const endAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: url.href,
    cut() {
      state = 'cut'
      endAll()
    },
    silence: () => void (state = 'silent'),
    loseAnswerTo: (text) => void (lostText = text),
    mend: () => void (state = 'open'),
    async close() {
      endAll()
      server.close()
      await once(server, 'close')
    },
  }
}
