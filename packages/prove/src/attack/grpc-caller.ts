import { type Edge, grpcEdge } from '@dromos/local'
import type { DocumentedError } from './documented-errors.js'
import { defects } from './documented-errors.js'
import type { Recorder } from './recorder.js'
import type { Secrets } from './secrets.js'

// Owns gRPC calls of agents and the judgement of every status.

export type GrpcOptions = {
  recorder: Recorder
  secrets: Secrets
  documented: ReadonlyMap<string, DocumentedError>
}

export type GrpcCaller = {
  /** Undefined when it failed; the failure is judged. */
  ask<Value>(what: string, work: (edge: Edge) => Promise<Value>): Promise<Value | undefined>
  close(): void
}

const statusNames = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE',
  'DATA_LOSS', 'UNAUTHENTICATED',
] as const // prettier-ignore

export function createGrpcCaller(options: GrpcOptions, address: string, key: string): GrpcCaller {
  const edge = grpcEdge(address, key)
  return {
    async ask(what, work) {
      try {
        const value = await work(edge)
        options.recorder.did('gRPC OK')
        return value
      } catch (error) {
        judge(options, what, error)
        return undefined
      }
    },
    close: () => edge.close(),
  }
}

function judge({ recorder, secrets, documented }: GrpcOptions, what: string, error: unknown): void {
  const { status, code, message } = describe(error)
  recorder.did(`gRPC ${status} ${code}`)
  const sample = `${what}: ${status} ${code} ${message}`
  // The caller's own deadline has no word of the server.
  const isOwnDeadline = status === 'DEADLINE_EXCEEDED' && code === ''
  if (!isOwnDeadline && documented.get(code)?.grpc !== status)
    recorder.unclassified(`gRPC ${status} ${code || 'without a reason'}`, sample)
  if (defects.has(code)) recorder.violated('an error of our own making', sample)
  const leak = secrets.findIn(message)
  if (leak !== undefined) recorder.violated('a secret in an answer', `${what}: ${leak}`)
}

function describe(error: unknown): { status: string; code: string; message: string } {
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error) || !('code' in cause) || typeof cause.code !== 'number')
    return { status: 'no status', code: '', message: String(error) }
  const status = statusNames[cause.code] ?? String(cause.code)
  return { status, code: reasonIn(cause), message: cause.message }
}

function reasonIn(cause: object): string {
  const metadata = 'metadata' in cause ? cause.metadata : undefined
  if (!isMetadata(metadata)) return ''
  const [reason] = metadata.get('x-error-reason')
  return typeof reason === 'string' ? reason : ''
}

const isMetadata = (value: unknown): value is { get(name: string): unknown[] } =>
  typeof value === 'object' && value !== null && 'get' in value && typeof value.get === 'function'
