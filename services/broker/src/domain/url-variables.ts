import { ServiceError } from '@dromos/contract'
import type { UrlVariable } from './provider.js'

/**
 * Checks values for a provider's URL placeholders. Gives back undefined when some are missing (a person will be asked), the
 * complete set otherwise. Throws `invalid_request` for an unknown name or a value that does not match its pattern.
 */
export function checkVariables(
  declared: readonly UrlVariable[],
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  const unknown = Object.keys(given).filter((name) => !declared.some((variable) => variable.name === name))
  if (unknown.length > 0)
    throw new ServiceError('invalid_request', `variables: the provider knows no ${unknown.join(', ')}`)
  const wrong = declared.filter((variable) => {
    const value = given[variable.name]
    return value !== undefined && !matchesVariable(variable, value)
  })
  if (wrong.length > 0)
    throw new ServiceError(
      'invalid_request',
      `variables: ${wrong.map(({ name }) => name).join(', ')} does not match its pattern`,
    )
  return declared.every(({ name }) => Object.hasOwn(given, name)) ? { ...given } : undefined
}

/** True when the whole value matches. What no host or path segment may hold is refused whatever the pattern says. */
export const matchesVariable = (variable: UrlVariable, value: string): boolean =>
  value.length <= 253 && /^[A-Za-z0-9._~-]+$/.test(value) && new RegExp(`^(?:${variable.pattern})$`, 'u').test(value)
