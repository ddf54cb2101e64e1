import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// Owns calls between the orchestrator and its own child processes, over the channel that Node gives to a forked child.
// Does not own what is called. The channel is private, and a child ends with it: not even kill -9 of us leaves one running.

/** Functions a child offers. What travels must survive a structured clone. */
type Functions = Record<string, (...input: never[]) => unknown>

export type Remote<Offered extends Functions> = {
  [Name in keyof Offered]: (...input: Parameters<Offered[Name]>) => Promise<Awaited<ReturnType<Offered[Name]>>>
} & {
  end(): Promise<void>
  /** 0 when it could not be started. */
  pid: number
}

type Call = { id: number; name: string; input: unknown[] }
type Reply = { id: number; value?: unknown; error?: string }

const ourPrograms = new URL('../dist/', import.meta.url)

/** Starts `<program>.js` of the folder, compiled. Calls reject when the child fails or ends. */
export function startChild<Offered extends Functions>(program: string, folder: URL = ourPrograms): Remote<Offered> {
  const path = fileURLToPath(new URL(`${program}.js`, folder))
  const child = fork(path, [], { serialization: 'advanced', execArgv: [], detached: true })
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  let nextId = 0
  child.on('message', (message) => {
    const { id, value, error } = message as Reply
    const caller = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) caller?.resolve(value)
    else caller?.reject(new Error(`${program}: ${error}`))
  })
  const ended = endOf(child).then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${program} ended`))
  })
  const call = (name: string, input: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (!child.connected) return reject(new Error(`${program} ended`))
      const id = nextId++
      waiting.set(id, { resolve, reject })
      child.send({ id, name, input } satisfies Call)
    })
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  return new Proxy({} as Remote<Offered>, {
    get: (_target, name) => {
      if (name === 'end') return end
      if (name === 'pid') return child.pid ?? 0
      if (name === 'then') return undefined // so that the remote can be the result of an async function
      return (...input: unknown[]) => call(String(name), input)
    },
  })
}

const endOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })

/** The child's side: answers calls until the orchestrator is gone. `self` is the child's `process`. */
export function offer(self: NodeJS.Process, functions: Functions): void {
  self.on('disconnect', () => self.exit(0))
  if (!self.connected) self.exit(0) // it was gone before we were ready
  self.on('message', (message) => {
    const { id, name, input } = message as Call
    void answer(functions[name], input).then((reply) => self.send?.({ id, ...reply }))
  })
}

async function answer(work: Functions[string] | undefined, input: unknown[]): Promise<Omit<Reply, 'id'>> {
  try {
    if (work === undefined) throw new Error('no such function')
    return { value: await work(...(input as never[])) }
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
