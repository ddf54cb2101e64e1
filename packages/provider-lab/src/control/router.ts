import { ControlError } from './problem.js'

type Entry = { method: string; path: string }

/** The route for a request with its path parameters. Throws ControlError 404 or 405, which say what there is. */
export function findRoute<R extends Entry>(
  routes: readonly R[],
  method: string,
  path: string,
): { route: R; params: Record<string, string> } {
  const fitting = routes.flatMap((route) => {
    const params = match(route.path, path)
    return params ? [{ route, params }] : []
  })
  const found = fitting.find(({ route }) => route.method === method)
  if (found) return found
  if (fitting.length === 0) throw new ControlError(404, 'no such path', `nothing is at ${path}: GET /ctl lists what is`)
  const methods = fitting.map(({ route }) => route.method).join(', ')
  throw new ControlError(405, 'wrong method', `${path} takes ${methods}`)
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, part] of wanted.entries()) {
    const found = given[index] ?? ''
    if (part.startsWith('{')) params[part.slice(1, -1)] = decode(found)
    else if (part !== found) return undefined
  }
  return params
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new ControlError(400, 'malformed path', `'${text}' is not percent-encoded text`)
  }
}
