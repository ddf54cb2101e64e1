import { readFileSync } from 'node:fs'
import { ConfigurationError, resolveEnvironment, type Environment } from '@dromos/runtime'
import { key, keys } from './config-fields.js'

/** What the command `rotate-keys` needs beside the database. Throws ConfigurationError; no message holds a key. */
export function parseKeysConfig(
  environment: Environment,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): { primary: Buffer; retired: Buffer[] } {
  const { values, problems } = resolveEnvironment(environment, ['ENCRYPTION_KEY', 'ENCRYPTION_KEYS_RETIRED'], readFile)
  const primary = key.safeParse(values.ENCRYPTION_KEY)
  const retired = keys.safeParse(values.ENCRYPTION_KEYS_RETIRED)
  for (const [name, result] of Object.entries({ ENCRYPTION_KEY: primary, ENCRYPTION_KEYS_RETIRED: retired }))
    if (!result.success) problems.push(`${name}: ${result.error.issues[0]?.message}`)
  if (problems.length > 0 || !primary.success || !retired.success) throw new ConfigurationError(problems)
  return { primary: primary.data, retired: retired.data }
}
