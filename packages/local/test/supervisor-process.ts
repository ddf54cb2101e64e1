import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const INDEX = new URL('../dist/index.js', import.meta.url).href

const PROGRAM = `
const { startEmbeddedPostgres } = await import(process.argv[1])
const server = await startEmbeddedPostgres({ dataDir: process.argv[2], log() {}, durability: process.argv[3] })
console.log(JSON.stringify({ url: server.url, pid: server.pid }))
process.on('SIGTERM', () => server.stop().then(() => process.exit(0)))
setInterval(() => {}, 1000)
`

/** A process of its own that runs the embedded server, as `npm start` does; optionally under another account. */
export async function startSupervisor(
  dataDir: string,
  durability: 'safe' | 'throwaway',
  account: { uid?: number; gid?: number } = {},
): Promise<{ child: ChildProcess; url: string; pid: number }> {
  const options = ['--input-type=module', '-e', PROGRAM, INDEX, dataDir, durability]
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/', ...account })
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('the supervisor ended while starting'))),
  ])
  return { child, ...JSON.parse(line) }
}
