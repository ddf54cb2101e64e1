import type { ComposeService } from './repository-files.js'

export type Variables = Readonly<Record<string, string>>

/** What `docker compose` makes of `${NAME:?reason}` and `${NAME:-default}`. Throws the reason of a required variable that is missing. */
export function interpolate(text: string, variables: Variables): string {
  return text.replace(/\$\{(\w+)(?::([?-])([^}]*))?\}/g, (_, name: string, rule?: string, rest = '') => {
    const value = variables[name]
    if (value) return value
    if (rule === '?') throw new Error(`${name}: ${rest}`)
    return rest
  })
}

/** The environment a service is started with. */
export const environmentOf = (service: ComposeService | undefined, variables: Variables): Record<string, string> =>
  Object.fromEntries(
    Object.entries(service?.environment ?? {}).map(([name, value]) => [name, interpolate(value, variables)]),
  )

/** The names in a text that cannot be left out. */
export const requiredNames = (text: string): string[] => [
  ...new Set([...text.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => String(name))),
]

/** A `.env` file as Docker Compose reads the simple form that make-env.mjs writes. */
export const parseEnvFile = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => /^\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
