import type { DatabaseServer } from './database.js'
import type { Stage } from './stage.js'

// Owns the words of a proof: what is promised, what was measured, whether it is enough.

export type Proof = {
  id: string
  title: string
  /** One sentence with its numbers, as docs/reliability.md has it. */
  goal: string
  /** Minutes after which it has failed, at full scale. */
  deadlineMinutes: number
  run(run: ProofRun): Promise<Finding[]>
}

export type Finding = {
  what: string
  goal: string
  measured: string
  /** undefined = shown, not judged: a time measured at a smaller scale. */
  isMet: boolean | undefined
}

export type ProofRun = {
  /** 1 = the numbers of the goal. */
  scale: number
  /** A number of the goal at this scale. */
  scaled(count: number, atLeast: number): number
  server: DatabaseServer
  /** `settings`: environment variables of the brokers beyond the defaults. */
  openStage(replicas: number, settings?: Readonly<Record<string, string>>): Promise<Stage>
  /** What is shown every two seconds from now on. */
  show(status: () => Promise<string>): void
}

export const exactly = (what: string, goal: number, measured: number): Finding => ({
  what,
  goal: String(goal),
  measured: String(measured),
  isMet: measured === goal,
})

/** Nothing of a kind happened; what did is named. */
export const none = (what: string, counts: Record<string, number>): Finding => {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return { what, goal: '0', measured: total === 0 ? '0' : `${total} (${listed(counts)})`, isMet: total === 0 }
}

export const listed = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ')

/** A time is only promised for the whole work on two cores: at a smaller scale it is shown. */
export const below = (
  run: Pick<ProofRun, 'scale'>,
  what: string,
  limit: number,
  unit: string,
  measured: number,
): Finding => ({
  what,
  goal: `< ${limit} ${unit}`,
  measured: `${measured} ${unit}`,
  isMet: run.scale < 1 ? undefined : measured < limit,
})

export const shown = (what: string, measured: string | number): Finding => ({
  what,
  goal: '',
  measured: String(measured),
  isMet: undefined,
})

export const isProven = (findings: readonly Finding[]): boolean => findings.every(({ isMet }) => isMet !== false)
