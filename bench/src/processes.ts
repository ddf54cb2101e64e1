import { readdirSync, readFileSync } from 'node:fs'

// Owns what the operating system says of a process: CPU time and memory. Read from /proc, so known on Linux only.

export type Watched = { name: string; pid: number; /** Its direct children count too: PostgreSQL. */ family?: true }

export type Usage = { cpuMs: number; rssMb: number }

const millisecondsPerTick = 10 // USER_HZ is 100 on every Linux that Node runs on
const bytesPerPage = 4_096

/** undefined where the system does not say. */
export function usageOf({ pid, family }: Watched): Usage | undefined {
  const own = statOf(pid)
  if (own === undefined) return undefined
  const children = family === undefined ? [] : childrenOf(pid)
  return {
    cpuMs: own.cpuMs + (family === undefined ? 0 : own.reapedMs) + sum(children.map((child) => child.cpuMs)),
    rssMb: own.rssMb + sum(children.map((child) => child.rssMb)),
  }
}

type Stat = Usage & { parent: number; /** CPU time of children that have ended. */ reapedMs: number }

// proc_pid_stat(5), counted after the command's name, which may hold blanks.
function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number) // prettier-ignore
    const [parent = 0, user = 0, system = 0, reapedUser = 0, reapedSystem = 0, pages = 0] = [1, 11, 12, 13, 14, 21].map(
      (place) => fields[place],
    )
    return {
      parent,
      cpuMs: (user + system) * millisecondsPerTick,
      reapedMs: (reapedUser + reapedSystem) * millisecondsPerTick,
      rssMb: (pages * bytesPerPage) / 1e6,
    }
  } catch {
    return undefined
  }
}

export const parentOf = (pid: number): number | undefined => statOf(pid)?.parent

function childrenOf(pid: number): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)) ?? [])
    .filter(({ parent }) => parent === pid)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
