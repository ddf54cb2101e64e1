import { randomBytes } from 'node:crypto'
import { type ServiceProcess, startServiceProcess } from './service-process.js'

// Owns N replicas of the broker on one database: their start, their deaths and their return on the same port.

export const apiKey = `prove-${randomBytes(16).toString('hex')}`

export type Fleet = {
  /** Origins, one per replica, the same over all restarts. */
  urls: readonly string[]
  /** Replicas that are ready now. */
  ready(): readonly number[]
  /** The processes that are up now. */
  running(): readonly { incarnation: string; pid: number | undefined; url: string }[]
  /** SIGKILL; answers which incarnation died and when. */
  kill(replica: number): Promise<Death>
  /** SIGTERM, and waits for the end of the drain. Answers its milliseconds. */
  drain(replica: number): Promise<number>
  /** SIGTERM to all: afterwards nothing changes any more. */
  drainAll(): Promise<void>
  freeze(replica: number): void
  thaw(replica: number): void
  /** Environment variables, beyond those of the start, of the processes that are started from now on. */
  configure(settings: Readonly<Record<string, string>>): void
  /** A new process on the same port. */
  restart(replica: number): Promise<void>
  /** Replicas that ended without being asked to. */
  unexpectedEnds(): number
  endAll(): Promise<void>
}

export type Death = { incarnation: string; atMs: number }

export type FleetOptions = {
  ports: readonly number[]
  databaseUrl: string
  encryptionKey: string
  logDirectory: string
  /** Environment variables beyond the defaults, as an operator of this load would set them. */
  settings: Readonly<Record<string, string>>
}

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const stateKey = randomBytes(32).toString('base64')
  const urls = options.ports.map((port) => `http://127.0.0.1:${port}`)
  const processes: (ServiceProcess | undefined)[] = []
  const all = new Set<ServiceProcess>()
  let incarnations = 0
  let { settings } = options

  const start = async (replica: number): Promise<void> => {
    // Every process has a name of its own, which it tells the provider with each refresh: see provider-main.ts.
    const incarnation = `broker-${replica}-${incarnations++}`
    const environment = {
      PORT: String(options.ports[replica]),
      BASE_URL: `https://${incarnation}.example`,
      DATABASE_URL: options.databaseUrl,
      ENCRYPTION_KEY: options.encryptionKey,
      STATE_KEY: stateKey,
      API_KEY: apiKey,
      // One client is the whole load: what is measured is not its limit.
      CLIENT_REQUESTS_PER_SECOND: '1000000',
      OPEN_CONSENTS_PER_TENANT: '1000000',
      ALLOWED_RETURN_DOMAINS: 'app.example.com',
      EGRESS_ALLOW_PRIVATE_NETWORKS: '127.0.0.0/8',
      LOG_LEVEL: 'warn',
      ...settings,
    }
    const started = startServiceProcess({
      service: 'broker',
      incarnation,
      environment,
      logDirectory: options.logDirectory,
    })
    all.add(started)
    await started.ready(`${urls[replica]}/readyz`)
    processes[replica] = started
  }
  const take = (replica: number): ServiceProcess => {
    const running = processes[replica]
    if (running === undefined) throw new Error(`replica ${replica} is not running`)
    return running
  }
  const surrender = (replica: number): ServiceProcess => {
    const running = take(replica)
    processes[replica] = undefined
    return running
  }

  const fleet: Fleet = {
    urls,
    ready: () => [...processes.keys()].filter((replica) => processes[replica] !== undefined),
    running: () =>
      fleet.ready().map((replica) => {
        const { incarnation, pid } = take(replica)
        return { incarnation, pid, url: urls[replica] ?? '' }
      }),
    async kill(replica) {
      const running = surrender(replica)
      const atMs = Date.now()
      await running.end('SIGKILL')
      return { incarnation: running.incarnation, atMs }
    },
    async drain(replica) {
      const startedAtMs = performance.now()
      await surrender(replica).end('SIGTERM')
      return performance.now() - startedAtMs
    },
    async drainAll() {
      await Promise.all(fleet.ready().map((replica) => fleet.drain(replica)))
    },
    freeze: (replica) => take(replica).signal('SIGSTOP'),
    thaw: (replica) => take(replica).signal('SIGCONT'),
    configure: (further) => void (settings = { ...settings, ...further }),
    restart: start,
    unexpectedEnds: () => [...all].filter((each) => each.endedUnasked()).length,
    async endAll() {
      await Promise.all([...all].map((each) => each.end('SIGKILL')))
    },
  }
  try {
    await Promise.all(options.ports.map((_, replica) => start(replica)))
  } catch (error) {
    await fleet.endAll()
    throw error
  }
  return fleet
}
