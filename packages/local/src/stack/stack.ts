import { startEmbeddedPostgres } from '../postgres/embedded-postgres.js'
import { Problem } from '../problem.js'
import { refuseBusyPorts } from './busy-ports.js'
import { ensureDeveloperKeys, registerProvider } from './broker-api.js'
import type { Progress } from './progress.js'
import { runCommand, ServiceProcess } from './service-process.js'
import { brokerEnvironment, brokerService, demoProfile, DEMO_CLIENT_ID, gatewayService } from './services.js'
import { identityProviderService, MIGRATE_PROGRAM, urlsOf, type Ports, type Service, type Shell } from './services.js'
import type { DevFile, StackFiles } from './stack-files.js'

export type StackPlan = {
  shell: Shell
  files: StackFiles
  ports: Ports
  /** A PostgreSQL server to use instead of the embedded one. */
  databaseUrl: string | undefined
  durability: 'safe' | 'throwaway'
  progress: Progress
  /** Stops a start that is under way. */
  signal: AbortSignal
}

export type RunningStack = {
  info: DevFile
  /** Resolves, with what to tell, when a part ends that nobody asked to. */
  crashed: Promise<Problem>
  /** Gateway, broker (both finish what is in flight), identity provider, PostgreSQL. */
  stop(): Promise<void>
  /** Ends the services at once; PostgreSQL is still stopped properly. */
  force(): void
}

/** What was started, in order; stopped in reverse. */
type Part = { name: string; exited: Promise<void>; stop(): Promise<void>; kill(): void; lastWords(): string }

/**
 * Starts the whole stack and writes `dev.json`. When any step fails, everything that was started is stopped again.
 *
 * @throws Problem for what a person can act on: a busy port, a service that ends, a database of another version.
 */
export async function startStack(plan: StackPlan): Promise<RunningStack> {
  const parts: Part[] = []
  try {
    await refuseBusyPorts(plan.ports)
    const info = await startParts(plan, parts)
    plan.files.saveDevFile(info)
    return { info, crashed: firstCrash(parts), stop: () => stopParts(plan, parts), force: () => killParts(parts) }
  } catch (error) {
    await stopParts(plan, parts)
    throw error
  }
}

async function startParts(plan: StackPlan, parts: Part[]): Promise<DevFile> {
  const { shell, files, ports, progress, signal } = plan
  const secrets = files.secrets()
  const urls = urlsOf(ports)
  const databaseUrl = plan.databaseUrl ?? (await startDatabase(plan, parts))
  const environment = brokerEnvironment(shell, ports, secrets, databaseUrl)
  files.saveBrokerEnvironment(environment)
  await progress.step('migrations', () => runCommand('the migration', MIGRATE_PROGRAM, [], environment))

  const serve = async (service: Service, url: string) => {
    signal.throwIfAborted()
    const started = new ServiceProcess(service, files.logs)
    parts.push(asPart(started))
    await progress.step(
      service.name,
      () => started.waitUntilReady(signal),
      () => url,
    )
  }
  await serve(identityProviderService(shell, ports, secrets, files.identityProvider), urls.issuer)
  await serve(brokerService(ports, environment), urls.broker)
  const keys = await progress.step('developer keys', () => ensureDeveloperKeys(urls.broker, environment, files))
  await progress.step('provider "demo"', () => registerProvider(urls.broker, keys.admin, demoProfile(ports, secrets)))
  await serve(gatewayService(shell, ports, keys.gateway), `${urls.gateway}  gRPC ${urls.grpc}`)
  return {
    broker: { url: urls.broker },
    gateway: { url: urls.gateway, grpc: urls.grpc },
    provider: { name: 'demo', issuer: urls.issuer, clientId: DEMO_CLIENT_ID },
    apiKey: keys.agent,
    adminKey: keys.admin,
    databaseUrl,
    pid: process.pid,
  }
}

async function startDatabase(plan: StackPlan, parts: Part[]): Promise<string> {
  const { files, durability, progress } = plan
  const start = () => startEmbeddedPostgres({ dataDir: files.postgres, log: progress.note, durability })
  const server = await progress.step('PostgreSQL', start, ({ directory }) => `data in ${directory}`)
  const lastWords = () => `See ${files.postgres}/postgres.log.`
  parts.push({ name: 'PostgreSQL', exited: server.exited, stop: server.stop, kill: () => {}, lastWords })
  return server.url
}

function asPart(started: ServiceProcess): Part {
  return {
    name: started.service.name,
    exited: started.exited,
    stop: () => started.stop(),
    kill: () => started.kill(),
    lastWords: () => started.lastWords(),
  }
}

function firstCrash(parts: readonly Part[]): Promise<Problem> {
  return Promise.race(
    parts.map(async (part) => {
      await part.exited
      return new Problem(`${part.name} ended on its own. ${part.lastWords()}`)
    }),
  )
}

async function stopParts({ files }: StackPlan, parts: Part[]): Promise<void> {
  files.removeRunningFiles()
  for (const part of [...parts].reverse()) await part.stop()
}

function killParts(parts: readonly Part[]): void {
  for (const part of parts) part.kill()
}
