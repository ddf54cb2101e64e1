import { createSocket, type RemoteInfo } from 'node:dgram'
import { isIP } from 'node:net'
import { portTrouble } from '../listeners.js'
import { readQuestion, writeAnswer } from './message.js'

export type LabDns = {
  host: string
  /** UDP. */
  port: number
  /**
   * What a name resolves to: the first set for the first question, the next for the next, and around again. A and AAAA
   * questions are counted apart. Throws a sentence when an entry is no IP address.
   */
  answers(name: string, sets: ReadonlyArray<readonly string[]>): void
  /** Names asked for so far, oldest first; the newest 10,000. */
  queries(): string[]
  close(): Promise<void>
}

const keptQueries = 10_000

/**
 * A DNS server that changes its mind, TTL 0. A name it was not told about does not exist. Rejects with a sentence when the
 * port is not to be had.
 */
export async function startLabDns(host = '127.0.0.1', port = 0): Promise<LabDns> {
  const zones = new Map<string, ReadonlyArray<readonly string[]>>()
  const asked = new Map<string, number>()
  const queries: string[] = []
  const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4')

  const setFor = (name: string, type: number): readonly string[] | undefined => {
    const sets = zones.get(name)
    if (!sets) return undefined
    const count = asked.get(`${type} ${name}`) ?? 0
    asked.set(`${type} ${name}`, count + 1)
    return sets[count % sets.length] ?? []
  }

  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    const question = readQuestion(message)
    if (!question) return
    queries.push(question.name)
    if (queries.length > keptQueries) queries.shift()
    socket.send(writeAnswer(question, setFor(question.name, question.type)), from.port, from.address)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => reject(portTrouble(error, host, port)))
    socket.bind(port, host, () => resolve())
  })

  return {
    host,
    port: socket.address().port,
    answers: (name, sets) => {
      const wrong = sets.flat().find((address) => isIP(address) === 0)
      if (wrong !== undefined) throw new Error(`'${wrong}' is no IP address`)
      const key = name.toLowerCase().replace(/\.$/, '')
      zones.set(key, sets)
      for (const type of [1, 28]) asked.delete(`${type} ${key}`)
    },
    queries: () => [...queries],
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
}
