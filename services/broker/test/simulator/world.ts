import { EventQueue } from './event-queue.js'
import type { Random } from './random.js'

// Owns virtual time and the life of simulated processes: they run, freeze, thaw, die and start again.
// Does not own what they do (replica.ts) nor when something goes wrong (faults.ts).

/** A routine of a process. Each `yield` parks it until it is woken. */
export type Routine<T> = Generator<undefined, T, undefined>

export type Process = {
  readonly name: string
  /** Rises with every death: what was begun in an earlier life never runs again. */
  life: number
  isUp: boolean
  thawsAtMs: number
  /** Wakes that came while it was frozen. */
  readonly deferred: Wake[]
}

/** What can wake a routine. On a thaw Node runs the timers that are due before it reads its sockets. */
export type WakeCause = 'timer' | 'input'

type Task = { readonly process: Process; readonly life: number; readonly body: Routine<void>; turn: number }
type Wake = { task: Task; turn: number; cause: WakeCause }

export class World {
  nowMs = 1_000_000
  private readonly queue = new EventQueue()
  private current: Task | undefined
  private happened = 0

  constructor(
    readonly random: Random,
    /** Takes the lines of the trace; undefined when nobody reads them. */
    readonly note: ((line: string) => void) | undefined,
  ) {}

  after(delayMs: number, run: () => void): void {
    this.queue.push(this.nowMs + delayMs, run)
  }

  /** Lets everything happen that is going to, up to a moment. A run that never comes to rest is a defect. */
  runUntil(endMs: number): void {
    while (this.queue.nextMs <= endMs) {
      const next = this.queue.pop()
      if (next === undefined) break
      if (this.happened++ > 200_000) throw new Error('the run never comes to rest')
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
    }
    if (endMs !== Infinity) this.nowMs = endMs
  }

  /** Starts a routine; in a process that is down it never runs. */
  start(process: Process, body: Routine<void>): void {
    if (process.isUp) this.wake({ task: { process, life: process.life, body, turn: 0 }, turn: 0, cause: 'input' })
  }

  /** Called by the running routine right before it parks: gives what wakes it, once. */
  waker(): (cause: WakeCause) => void {
    const task = this.current
    if (task === undefined) throw new Error('nobody is running')
    const { turn } = task
    return (cause) => this.wake({ task, turn, cause })
  }

  *sleep(ms: number): Routine<void> {
    const wake = this.waker()
    this.after(ms, () => wake('timer'))
    yield
  }

  freeze(process: Process, ms: number): void {
    process.thawsAtMs = Math.max(process.thawsAtMs, this.nowMs + ms)
    const { life } = process
    this.after(ms, () => {
      if (process.life === life) this.thaw(process)
    })
  }

  thaw(process: Process): void {
    if (process.thawsAtMs > this.nowMs) return
    const waiting = process.deferred.splice(0)
    for (const cause of ['timer', 'input'] as const)
      for (const wake of waiting) if (wake.cause === cause) this.wake(wake)
  }

  kill(process: Process, downMs: number): void {
    process.life++
    process.isUp = false
    process.thawsAtMs = 0
    process.deferred.length = 0
    this.after(downMs, () => void (process.isUp = true))
  }

  private wake(wake: Wake): void {
    const { task, turn } = wake
    if (task.life !== task.process.life || task.turn !== turn) return
    if (task.process.thawsAtMs > this.nowMs) return void task.process.deferred.push(wake)
    task.turn++
    const interrupted = this.current
    this.current = task
    task.body.next()
    this.current = interrupted
  }
}
