// Owns what a statement over a tenant's table must say: a condition that holds every such table to one tenant, its caller's
// or that of a row found under one. Does not own which statements there are.

export const tables = [
  'connections', 'authorization_requests', 'credential_orphans', 'idempotency_keys', 'clients', 'client_keys', 'audit_events',
] // prettier-ignore

// A table that a function is given may be a tenant's: it is judged like one.
const table = `(?:${tables.join('|')}|\\$\\{[^{}]*\\})`
const reference = new RegExp(`((?<=^| )(?:from|join|update|using|into)|,) (${table})(?: as)?(?: (\\w+))?(?= |$)`, 'gi')
const noAlias = new Set([
  'where',
  'set',
  'on',
  'order',
  'limit',
  'join',
  'left',
  'using',
  'select',
  'for',
  'group',
  'values',
])

/** The parts of a statement that stand alone: itself, and each query in brackets, whose place `()` takes. */
export function partsOf(statement: string): string[] {
  const open: string[] = ['']
  const parts: string[] = []
  for (const character of statement) {
    if (character === '(') open.push('')
    else if (character === ')' && open.length > 1) {
      const inner = open.pop() ?? ''
      const isQuery = /^\s*(select|insert|update|delete|with)\b/i.test(inner)
      if (isQuery) parts.push(inner.trim())
      open[open.length - 1] += isQuery ? '()' : `(${inner})`
    } else open[open.length - 1] += character
  }
  return [...parts, open.join('(').trim()]
}

/** The parts of a statement that leave the tenant of a table open. */
export const strays = (statement: string): string[] =>
  partsOf(statement.replaceAll(/--[^\n]*/g, '').replaceAll(/\s+/g, ' ')).filter((part) => !isHeld(part))

function isHeld(part: string): boolean {
  const references = [...part.matchAll(reference)].map(([, verb = '', name = '', word = '']) => ({
    isInsert: verb.toLowerCase() === 'into',
    name,
    alias: noAlias.has(word.toLowerCase()) ? name : word,
  }))
  if (!references.filter(({ isInsert }) => isInsert).every(({ name }) => insertsTenant(part, name))) return false
  let open = references.flatMap(({ isInsert, alias }) => (isInsert ? [] : [alias]))
  const conditions = conditionsOf(part)
  // Two tables that only name each other are held by nothing: those held by something else come first.
  for (let before = Infinity; open.length < before;) {
    before = open.length
    open = open.filter((alias) => !holds(conditions, alias, open))
  }
  return open.length === 0
}

function insertsTenant(part: string, name: string): boolean {
  const columns = part.slice(part.indexOf(name)).match(/\(([^()]*)\)/)?.[1] ?? ''
  const conflict = /on conflict \(([^()]*)\)/i.exec(part)?.[1] ?? 'tenant_id'
  return /\btenant_id\b/.test(columns) && /\btenant_id\b/.test(conflict)
}

/** What must hold for every row, with nothing in brackets; nothing when an `or` stands among it. */
function conditionsOf(part: string): string[] {
  let text = part.slice(Math.max(part.search(/ (where|on) /i), 0)).replace(/ returning .*/i, '')
  for (let before = ''; before !== text;) [before, text] = [text, text.replaceAll(/\([^()]*\)/g, ' ')]
  return / or /i.test(text) ? [] : text.split(/ (?:where|on|and|from|join|order by) /i)
}

function holds(conditions: readonly string[], alias: string, open: readonly string[]): boolean {
  return conditions.some((condition) => {
    const [left = '', right = ''] = condition.trim().split(/ = |(?<=tenant_id) .*|(?<=tenantId) .*/)
    const others =
      left === `${alias}.tenant_id` || left === 'tenant_id' ? right : right === `${alias}.tenant_id` ? left : ''
    const [, other] = /^(\w+)\.tenant_id$/.exec(others) ?? []
    return others === ':tenantId' || others === '$1' || (other !== undefined && !open.includes(other))
  })
}
