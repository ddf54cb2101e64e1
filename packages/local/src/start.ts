// Owns `npm start`: reads its options, starts the stack, tells how to use it, and stops it in order.
// Does not own what the stack consists of: stack/ does.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { request } from 'undici'
import { isAlive } from './postgres/postmaster.js'
import { messageOf, printFailure, Problem } from './problem.js'
import { announcement, firstConnection } from './stack/announce.js'
import { createProgress } from './stack/progress.js'
import { CHECKOUT, DEFAULT_PORTS, PORT_SETTINGS, type Ports, type Shell } from './stack/services.js'
import { StackFiles } from './stack/stack-files.js'
import { startStack, type RunningStack } from './stack/stack.js'

/** Runs until Ctrl-C, SIGTERM or the end of a part; returns the exit status. */
export async function runStart(options: string[], shell: Shell): Promise<number> {
  const starting = new AbortController()
  const stopRequested = onStopRequest((count, stack) => {
    if (count === 1) starting.abort(new Problem('stopped'))
    else if (count === 2 && stack !== undefined) stack.force()
    // The watchdogs end what is still running.
    else process.exit(130)
  })
  try {
    const ports = readPorts(options, shell)
    const files = new StackFiles(join(CHECKOUT, '.dromos'))
    await refuseSecondStart(files)
    process.stdout.write('Starting the local stack\n')
    const stack = await startStack({
      shell,
      files,
      ports,
      databaseUrl: shell['DATABASE_URL'] || undefined,
      durability: 'safe',
      progress: createProgress(process.stdout),
      signal: starting.signal,
    })
    stopRequested.stack = stack
    return await serve(stack, ports, stopRequested.first)
  } catch (error) {
    if (starting.signal.aborted) return 0
    printFailure(error)
    return 1
  } finally {
    stopRequested.forget()
  }
}

async function serve(stack: RunningStack, ports: Ports, stopRequest: Promise<void>): Promise<number> {
  let crash: Problem | undefined
  try {
    process.stdout.write(announcement(stack.info, ports, await firstConnection(stack.info, ports)))
    crash = await Promise.race([stack.crashed, stopRequest.then(() => undefined)])
    if (crash !== undefined) printFailure(crash)
  } finally {
    process.stdout.write('\nstopping\n')
    await stack.stop()
  }
  return crash === undefined ? 0 : 1
}

/** A first signal asks, each later one insists. `first` resolves with the first one. */
function onStopRequest(react: (count: number, stack: RunningStack | undefined) => void) {
  let count = 0
  let resolveFirst = () => {}
  const first = new Promise<void>((resolve) => (resolveFirst = resolve))
  const requested: { stack: RunningStack | undefined; first: Promise<void>; forget(): void } = {
    stack: undefined,
    first,
    forget() {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
    },
  }
  function onSignal(): void {
    count += 1
    react(count, requested.stack)
    resolveFirst()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
  return requested
}

/** Flags first, then variables, then the defaults. Throws a Problem for anything that is not a port. */
export function readPorts(options: string[], shell: Shell): Ports {
  const flags = readFlags(options)
  const portOf = (name: keyof Ports): number => {
    const { flag, variable } = PORT_SETTINGS[name]
    const text = flags[flag] ?? shell[variable]
    if (text === undefined || text === '') return DEFAULT_PORTS[name]
    const port = Number(text)
    if (Number.isInteger(port) && port > 0 && port < 65_536) return port
    throw new Problem(`"${text}" is not a port (--${flag} or ${variable}): use a number from 1 to 65535`)
  }
  return { broker: portOf('broker'), http: portOf('http'), grpc: portOf('grpc'), provider: portOf('provider') }
}

function readFlags(options: string[]): Record<string, string | undefined> {
  const known = Object.fromEntries(Object.values(PORT_SETTINGS).map(({ flag }) => [flag, { type: 'string' as const }]))
  try {
    return parseArgs({ args: options, options: known }).values
  } catch (cause) {
    throw new Problem(`${messageOf(cause)}\nnpm start -- --help lists the options`, {
      cause,
    })
  }
}

async function refuseSecondStart(files: StackFiles): Promise<void> {
  const running = files.devFile()
  if (running === undefined || !isAlive(running.pid)) return
  const answer = await request(`${running.gateway.url}/healthz`, { headersTimeout: 3_000 }).catch(() => undefined)
  await answer?.body.dump()
  // No answer: the pid belongs to somebody else by now, and the file is a left-over.
  if (answer === undefined) return
  throw new Problem(`npm start already runs (process ${running.pid}): its gateway is ${running.gateway.url}`)
}
