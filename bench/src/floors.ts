import { type Remote, startChild } from '@dromos/prove'
import type { FloorFunctions } from './floor-main.js'
import type { Pair } from './pair.js'
import type { Watched } from './processes.js'
import type { Run } from './scenario.js'

// Owns the floors beside a pair: the least that could do the same work, on the same database.

export type Floor = { port: number; processes: Watched[] }

/** F1: bare node:http -> undici -> bare node:http -> one named SELECT -> AES-256-GCM. */
export async function startReadFloor(run: Run, { database, encryptionKey, postgres }: Pair): Promise<Floor> {
  const [gateway, broker] = [startPart(run), startPart(run)]
  const port = await gateway.gateway(await broker.broker({ databaseUrl: database.url, encryptionKey }))
  const processes = [watch('gateway', gateway), watch('broker', broker)]
  return { port, processes: postgres === undefined ? processes : [...processes, postgres] }
}

/** F2: bare node:http -> one INSERT. */
export async function startInsertFloor(run: Run, { database, postgres }: Pair, providerId: string): Promise<Floor> {
  const server = startPart(run)
  const port = await server.insert({ databaseUrl: database.url, providerId })
  const own = watch('server', server)
  return { port, processes: postgres === undefined ? [own] : [own, postgres] }
}

const programs = new URL('../dist/', import.meta.url)

function startPart(run: Run): Remote<FloorFunctions> {
  const part = startChild<FloorFunctions>('floor-main', programs)
  run.resources.add(() => part.end())
  return part
}

const watch = (name: string, { pid }: Remote<FloorFunctions>): Watched => ({ name, pid })
