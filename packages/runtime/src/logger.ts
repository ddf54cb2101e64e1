import { pino, type DestinationStream, type Logger } from 'pino'
import { linesToStdout } from './log-lines.js'

export type { Logger } from 'pino'

// Names under which a secret could reach a log line by mistake. The first defence is that nobody logs such a field.
const secretNames = new Set([
  'access_token', 'refresh_token', 'id_token', 'client_secret', 'code', 'code_verifier', 'state', 'credentials',
  'authorization', 'cookie', 'api_key', 'apiKey', 'password', 'accessToken', 'refreshToken', 'idToken', 'clientSecret',
  'set-cookie', 'x-api-key',
]) // prettier-ignore

/**
 * One JSON line per outcome, to stdout unless a destination is given. An error is logged as its type, message, stack and our
 * own error causes; any other property of an error is dropped, because OAuth libraries keep whole token answers in `cause`.
 */
export function createLogger(options: { service: string; level: string; destination?: DestinationStream }): Logger {
  const settings = {
    level: options.level,
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => redact(fields),
    },
    serializers: { error: describeError, err: describeError },
  }
  return pino(settings, options.destination ?? linesToStdout())
}

/**
 * Withholds the members of `fields` that have the name of a secret, and those of the objects in it. A plain loop, because
 * pino's own redaction of wildcard paths costs more than the rest of the line (docs/performance.md).
 */
function redact(fields: Record<string, unknown>, depth = 0): Record<string, unknown> {
  let redacted: Record<string, unknown> | undefined
  for (const [name, value] of Object.entries(fields)) {
    const shown = secretNames.has(name) ? '[redacted]' : isPlain(value) ? inside(value, depth) : value
    if (shown !== value) (redacted ??= { ...fields })[name] = shown
  }
  return redacted ?? fields
}

/** Nothing of ours is nested deeper, and what refers to itself has no end. pino's serializers see the top only. */
function inside(value: Record<string, unknown>, depth: number): unknown {
  if (value instanceof Error) return depth === 0 ? value : describeError(value)
  return depth < 3 ? redact(value, depth + 1) : '[too deep]'
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Buffer.isBuffer(value)

type ErrorDescription = { type: string; message: string; stack?: string; code?: string; cause?: ErrorDescription }

/**
 * What of an error may be logged. Messages of foreign errors can quote their input, so only errors of our own name keep
 * theirs; of others the type and the code remain, with the stack frames (no message line).
 */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: 'a non-error was thrown' }
  const isOurs = error.name === 'ServiceError' || error.name === 'ConfigurationError'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const frames = error.stack?.split('\n').filter((line) => line.trimStart().startsWith('at '))
  return {
    type: error.name,
    message: isOurs ? error.message : '(message withheld)',
    ...(code === undefined ? {} : { code }),
    ...(frames === undefined ? {} : { stack: frames.slice(0, 12).join('\n') }),
    ...(error.cause === undefined || depth > 3 ? {} : { cause: describeError(error.cause, depth + 1) }),
  }
}
