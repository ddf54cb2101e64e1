import { readFileSync } from 'node:fs'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Resolves `NAME_FILE` variables: each becomes `NAME` with the file's content, trailing newline removed. Only the names
 * given are looked at, so that an unrelated `*_FILE` of the platform is left alone. An empty variable counts as unset.
 * Problems (unreadable file, both forms given) are returned, never thrown, so that they are reported with all others.
 */
export function resolveEnvironment(
  environment: Environment,
  names: readonly string[],
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): { values: Environment; problems: string[] } {
  const values: Record<string, string | undefined> = {}
  const problems: string[] = []
  for (const name of names) {
    const direct = environment[name] || undefined
    const path = environment[`${name}_FILE`] || undefined
    if (direct !== undefined && path !== undefined) problems.push(`${name} and ${name}_FILE are both set: keep one`)
    values[name] = direct
    if (path === undefined) continue
    try {
      values[name] = readFile(path).replace(/\r?\n$/, '') || undefined
    } catch {
      problems.push(`${name}_FILE: cannot read ${path}`)
    }
  }
  return { values, problems }
}

/** Thrown at start with every problem of the configuration at once. Messages name variables, never their values. */
export class ConfigurationError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length} problem(s):\n${problems.map((each) => `  - ${each}`).join('\n')}`)
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}
