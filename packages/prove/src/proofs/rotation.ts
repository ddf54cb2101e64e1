import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { createVault, type KeyedVault as Vault } from '@dromos/broker/vault'
import { loadConnections } from '../bulk-load.js'
import type { ProofDatabase } from '../database.js'
import { apiKey } from '../fleet.js'
import { below, exactly, type Finding, listed, none, type Proof, type ProofRun, shown } from '../proof.js'
import type { Target } from '../read-load.js'
import { type RotationCommand, startRotationCommand } from '../rotation-command.js'
import { credentialsContext } from '../seed.js'
import type { Stage } from '../stage.js'
import type { TallyReport } from '../tally.js'

// R16: the encryption key is changed under a million connections while agents read them, and whoever seals anew is killed.

export const rotation: Proof = {
  id: 'R16',
  title: 'key rotation under kills',
  goal: '1,000,000 rows, the process that seals them anew is killed 10 times: 0 undecryptable rows, 0 failed reads, read p99 not moved, the former key reported as unneeded',
  deadlineMinutes: 25,
  async run(run) {
    const stage = await run.openStage(3)
    const rows = run.scaled(1_000_000, 3_000)
    const targets = await seedRows(run, stage, rows)
    const keys = await swapKeys(stage)
    const alone = await readFor(stage, targets, Math.max(15_000 * run.scale, 1_000))

    const work = startWork(run, stage, keys, rows)
    work.begin()
    const calm = await readFor(stage, targets, Math.max(15_000 * run.scale, 1_000))
    const startedAtMs = performance.now()
    await startReading(stage, targets)
    await work.strikeAll()
    await work.finish()
    const seconds = (performance.now() - startedAtMs) / 1000
    const struck = await stopReading(stage)

    const end = await progressOf(stage.database)
    run.show(() => Promise.resolve('opening every row with the new key alone'))
    const opened = await openAll(stage.database, keys.vault)
    await roll(stage, { ENCRYPTION_KEY: keys.fresh, ENCRYPTION_KEYS_RETIRED: '' })
    const after = await readFor(stage, targets, 1_000)
    return [
      exactly('kills of the process that sealed anew', work.times, work.kills()),
      exactly('rows that do not open with the new key alone', 0, opened.unopened),
      exactly('rows that open with the new key alone', rows, opened.opened),
      ...failedReads({ alone, calm, struck, after }),
      below(run, 'read p99 while sealing anew, at the default rate', Math.max(alone.p99Ms * 2, 25), 'ms', calm.p99Ms),
      shown('read p99 before', `${alone.p99Ms} ms`),
      shown('read p99 at full speed and under kills', `${struck.p99Ms} ms`),
      exactly('keys reported as unneeded: the former one', 1, end.retired.filter((id) => id === keys.formerId).length),
      exactly('brokers that start without it', stage.fleet.urls.length, stage.fleet.ready().length),
      shown('reads', alone.reads + calm.reads + struck.reads + after.reads),
      shown('retried', listed(struck.retried)),
      shown('sealed anew', `${end.resealed} rows in ${Math.round(seconds)} s, ${end.lookedAt} looked at`),
    ]
  },
}

type Keys = { fresh: string; former: string; formerId: string; vault: Vault }

/** Connections as consents leave them; nobody needs their grants, so no provider knows them. */
async function seedRows(run: ProofRun, stage: Stage, count: number): Promise<Target[]> {
  const latency = { meanMs: 80 }
  const provider = await stage.addProvider({ name: 'quiet', graceMs: 0, accessTokenSeconds: 86_400, latency })
  const targets: Target[] = []
  run.show(() => Promise.resolve(`${targets.length} of ${count} rows seeded`))
  await loadConnections(stage.database, async () => {
    while (targets.length < count)
      targets.push(...(await provider.seedUnknown(Math.min(20_000, count - targets.length), 86_400_000)))
  })
  return targets
}

/** As docs/operations.md has it: every broker can open what it will seal before any seals it. */
async function swapKeys(stage: Stage): Promise<Keys> {
  const former = stage.encryptionKey
  const fresh = randomBytes(32)
  const names = { fresh: fresh.toString('base64'), former }
  await roll(stage, { ENCRYPTION_KEY: former, ENCRYPTION_KEYS_RETIRED: names.fresh })
  await roll(stage, { ENCRYPTION_KEY: names.fresh, ENCRYPTION_KEYS_RETIRED: former })
  const { primaryKeyId } = createVault({ primary: Buffer.from(former, 'base64'), retired: [] })
  return { ...names, formerId: primaryKeyId, vault: createVault({ primary: fresh, retired: [] }) }
}

async function roll({ fleet }: Stage, settings: Readonly<Record<string, string>>): Promise<void> {
  fleet.configure(settings)
  for (const replica of fleet.ready()) {
    await fleet.drain(replica)
    await fleet.restart(replica)
  }
}

const defaultRate = 1_000
const secondsPerKill = 5

/** The command and the brokers share the work, one at a time: whoever is at it is killed, wherever that is. */
function startWork(run: ProofRun, stage: Stage, { fresh, former }: Keys, rows: number) {
  const { database, fleet, logDirectory } = stage
  const times = run.scaled(10, 2)
  const databaseOnly = { DATABASE_URL: database.url }
  const environment = { ...databaseOnly, ENCRYPTION_KEY: fresh, ENCRYPTION_KEYS_RETIRED: former }
  // At a small scale slowly enough that there is still something to do when the last kill comes.
  const fullRate = Math.ceil(rows / (times * secondsPerKill))
  let command: RotationCommand | undefined
  let kills = 0
  const begin = (rate?: number): void => {
    const args = rate === undefined ? ['--json'] : ['--json', '--rate', String(rate)]
    command = startRotationCommand({ args, environment, logDirectory })
  }
  const moves = async (): Promise<boolean> => {
    const before = await progressOf(database)
    await pause(stillMs)
    const after = await progressOf(database)
    return after.isOver || after.savedAtMs > before.savedAtMs
  }
  const strike = async (): Promise<void> => {
    await command?.kill()
    kills++
    for (let replica = 0; replica < fleet.urls.length && (await moves()); replica++) {
      await fleet.kill(replica)
      await fleet.restart(replica)
    }
    begin()
  }
  return {
    times,
    kills: () => kills,
    begin: () => begin(Math.min(defaultRate, fullRate)),
    async strikeAll() {
      await startRotationCommand({ args: ['--rate', String(fullRate)], environment: databaseOnly, logDirectory }).ended
      run.show(
        async () => `${kills} of ${times} kills, ${(await progressOf(database)).resealed} of ${rows} sealed anew`,
      )
      while (kills < times) {
        await reached(database, rows * (0.05 + (0.85 * kills) / times))
        await strike()
      }
    },
    finish: () => reached(database, Infinity),
  }
}

/** Whoever works saves at least once in a turn of a second, then pauses for another. */
const stillMs = 3_000

/** Waits until so many rows are sealed anew, or the rotation is over. */
async function reached(database: ProofDatabase, rows: number): Promise<void> {
  for (;;) {
    const { resealed, isOver } = await progressOf(database)
    if (isOver || resealed >= rows) return
    await pause(100)
  }
}

type Progress = { resealed: number; lookedAt: number; savedAtMs: number; isOver: boolean; retired: string[] }

async function progressOf(database: ProofDatabase): Promise<Progress> {
  const [row] = await database.rows<{ resealed: string; looked_at: string; updated_at: Date; finished_at: Date | null; retired_keys: string[] }>(
    'select resealed, looked_at, updated_at, finished_at, retired_keys from reseal_progress',
  ) // prettier-ignore
  return {
    resealed: Number(row?.resealed ?? 0),
    lookedAt: Number(row?.looked_at ?? 0),
    savedAtMs: row?.updated_at.getTime() ?? 0,
    isOver: row?.finished_at instanceof Date,
    retired: row?.retired_keys ?? [],
  }
}

const startReading = ({ load, fleet }: Stage, connections: readonly Target[]): Promise<void> =>
  load.start('readers', {
    brokers: fleet.urls,
    apiKey,
    // What travels to the readers' process need not be a million long.
    connections: connections.filter((_, index) => index % Math.ceil(connections.length / 20_000) === 0),
    readers: 8,
    pauseMs: 10,
    order: 'endless',
    requestTimeoutMs: 5_000,
    patienceMs: 60_000,
  })

async function stopReading({ load }: Stage): Promise<TallyReport> {
  const report = await load.stop('readers')
  if (report === undefined) throw new Error('the readers were not started')
  return report
}

async function readFor(stage: Stage, targets: readonly Target[], ms: number): Promise<TallyReport> {
  await startReading(stage, targets)
  await pause(ms)
  return stopReading(stage)
}

const failedReads = (reports: Record<string, TallyReport>): Finding[] =>
  Object.entries({ alone: 'before', calm: 'at the default rate', struck: 'under kills', after: 'without the former key' }).map(
    ([phase, when]) => none(`failed reads ${when}`, { ...reports[phase]?.failed, ...reports[phase]?.attention }),
  ) // prettier-ignore

const rowsAtOnce = 10_000

async function openAll(database: ProofDatabase, vault: Vault): Promise<{ opened: number; unopened: number }> {
  const counts = { opened: 0, unopened: 0 }
  for (let after = ''; ;) {
    const rows = await database.rows<{ id: string; version: string; sealed_credentials: Buffer }>(
      `select id, version, sealed_credentials from connections where tenant_id = 'default' and id > $1 order by id limit $2`,
      [after, rowsAtOnce],
    )
    for (const { id, version, sealed_credentials: sealed } of rows)
      counts[opens(vault, sealed, id, Number(version)) ? 'opened' : 'unopened']++
    const last = rows.at(-1)
    if (last === undefined) return counts
    after = last.id
  }
}

function opens(vault: Vault, sealed: Buffer, id: string, version: number): boolean {
  try {
    return vault.open(sealed, credentialsContext(id, version)) !== ''
  } catch {
    return false
  }
}
