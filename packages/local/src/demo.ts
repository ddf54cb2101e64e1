// Owns `npm run demo`: finds or starts a stack and walks through a connection over HTTP and over gRPC.
// Does not own the walk itself (demo/walk.ts) nor the stack (stack/).
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { grpcEdge } from './demo/grpc-edge.js'
import { httpEdge } from './demo/http-edge.js'
import { walk } from './demo/walk.js'
import { freePort } from './free-port.js'
import { messageOf, printFailure, Problem } from './problem.js'
import { createProgress, type Progress } from './stack/progress.js'
import { CHECKOUT, type Ports, type Shell } from './stack/services.js'
import { StackFiles, type DevFile } from './stack/stack-files.js'
import { startStack } from './stack/stack.js'

const LOCAL_DIRECTORY = join(CHECKOUT, '.dromos')

type Target = { info: DevFile; logs: string; close(): Promise<void> }

/**
 * Returns the exit status: 0 when every step worked over both edges. `any-stack` takes the one that npm start runs, if any.
 */
export async function runDemo(where: 'any-stack' | 'own-stack', shell: Shell): Promise<number> {
  const progress = createProgress(process.stdout)
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort(new Problem('interrupted'))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt)
  let target: Target | undefined
  try {
    const running = where === 'any-stack' ? await runningStack() : undefined
    target = running ?? (await temporaryStack(shell, progress, interrupted.signal))
    await Promise.race([walkBothEdges(target.info, progress), rejectOnAbort(interrupted.signal)])
    return 0
  } catch (error) {
    printFailure(error)
    if (target !== undefined)
      process.stderr.write(`What to do: look at the logs in ${target.logs}, with LOG_LEVEL=debug for more.\n`)
    return 1
  } finally {
    await target?.close()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  }
}

async function walkBothEdges(info: DevFile, progress: Progress): Promise<void> {
  const startedMs = performance.now()
  for (const edge of [httpEdge(info.gateway.url, info.apiKey), grpcEdge(info.gateway.grpc, info.apiKey)]) {
    process.stdout.write(`\n${edge.name}\n`)
    await walk(edge, info, `ada-${edge.name.toLowerCase()}`, progress).finally(() => edge.close())
  }
  process.stdout.write(`\nEvery step worked, in ${Math.round(performance.now() - startedMs)} ms.\n`)
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Problem(messageOf(signal.reason))), { once: true })
  })
}

async function runningStack(): Promise<Target | undefined> {
  const files = new StackFiles(LOCAL_DIRECTORY)
  const info = files.devFile()
  if (info === undefined) return undefined
  const answer = await request(`${info.gateway.url}/healthz`, { headersTimeout: 3_000 }).catch(() => undefined)
  await answer?.body.dump()
  if (answer?.statusCode !== 200) return undefined
  process.stdout.write(`Using the stack that npm start runs (${info.gateway.url})\n`)
  return { info, logs: files.logs, close: async () => {} }
}

/** A whole stack on free ports with a throw-away database: it can run beside anything. Its logs stay. */
async function temporaryStack(shell: Shell, progress: Progress, signal: AbortSignal): Promise<Target> {
  process.stdout.write('No stack is running: starting a temporary one on free ports\n')
  const directory = mkdtempSync(join(tmpdir(), 'dromos-demo-'))
  // PostgreSQL may run as another account, which must be able to pass through to its own directory inside.
  chmodSync(directory, 0o711)
  const files = new StackFiles(directory, join(LOCAL_DIRECTORY, 'demo-logs'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  try {
    const ports = await freePorts()
    const plan = { shell, files, ports, databaseUrl: undefined, durability: 'throwaway', progress, signal } as const
    const stack = await startStack(plan)
    return { info: stack.info, logs: files.logs, close: () => stack.stop().finally(remove) }
  } catch (error) {
    remove()
    throw error
  }
}

async function freePorts(): Promise<Ports> {
  return {
    broker: await freePort(undefined),
    http: await freePort(undefined),
    grpc: await freePort(undefined),
    provider: await freePort(undefined),
  }
}
