import { ControlError } from './problem.js'

/** Reads a JSON object member by member; every reader gives undefined for a member that is not there. */
export type Fields = {
  text(name: string): string | undefined
  texts(name: string): string[] | undefined
  flag(name: string): boolean | undefined
  number(name: string, range?: { min?: number; max?: number; whole?: 'whole' }): number | undefined
  choice<T extends string>(name: string, allowed: readonly T[]): T | undefined
  object(name: string): Fields | undefined
  any(name: string): unknown
  names(): string[]
  /** Refuses members that nothing has read: a misspelt option must not be ignored. */
  end(): void
}

/** Throws ControlError 400 at the first member of another type. `where` is how the object is called in its text. */
export function fieldsOf(value: unknown, where = 'the body'): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ControlError(400, 'not a JSON object', `${where} must be a JSON object`)
  }
  const members = new Map<string, unknown>(Object.entries(value))
  const read = new Set<string>()

  const member = <T>(name: string, what: string, fits: (found: unknown) => found is T): T | undefined => {
    read.add(name)
    const found = members.get(name)
    if (found === undefined) return undefined
    if (fits(found)) return found
    throw new ControlError(400, 'wrong value', `${where}: ${name} must be ${what}, not ${JSON.stringify(found)}`)
  }

  return {
    text: (name) => member(name, 'a text', isText),
    texts: (name) => member(name, 'an array of texts', (found) => Array.isArray(found) && found.every(isText)),
    flag: (name) => member(name, 'true or false', (found) => typeof found === 'boolean'),
    number: (name, range = {}) => member(name, describeRange(range), (found) => isNumberIn(found, range)),
    choice: <T extends string>(name: string, allowed: readonly T[]) =>
      member(name, `one of ${allowed.join(', ')}`, (found): found is T => allowed.some((each) => each === found)),
    object: (name) => {
      const found = member(name, 'an object', (each) => typeof each === 'object' && each !== null)
      return found === undefined ? undefined : fieldsOf(found, name)
    },
    any: (name) => member(name, 'anything', (found): found is unknown => found !== undefined),
    names: () => [...members.keys()],
    end: () => {
      const unread = [...members.keys()].filter((name) => !read.has(name))
      if (unread.length === 0) return
      const known = read.size === 0 ? 'none' : [...read].join(', ')
      throw new ControlError(400, 'unknown member', `${where} has no member ${unread.join(', ')}; it knows: ${known}`)
    },
  }
}

/** The query as fields; the parameters named in `numbers` are read as numbers. */
export function queryFields(query: URLSearchParams, numbers: readonly string[]): Fields {
  const asNumber = (text: string): unknown => (text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text))
  const members = [...query].map(([name, text]) => [name, numbers.includes(name) ? asNumber(text) : text] as const)
  return fieldsOf(Object.fromEntries(members), 'the query')
}

type Range = { min?: number; max?: number; whole?: 'whole' }

const isText = (found: unknown): found is string => typeof found === 'string'

const isNumberIn = (found: unknown, { min = -Infinity, max = Infinity, whole }: Range): found is number =>
  typeof found === 'number' && found >= min && found <= max && (whole === undefined || Number.isInteger(found))

function describeRange({ min, max, whole }: Range): string {
  const kind = whole ? 'a whole number' : 'a number'
  const from = min === undefined ? '' : ` from ${min}`
  return `${kind}${from}${max === undefined ? '' : ` to ${max}`}`
}
