import { createHash } from 'node:crypto'
import { ServiceError } from '@dromos/contract'
import { sendJson } from '@dromos/runtime'
import type { Request, Response } from 'express'
import type { Caller } from '../domain/caller.js'
import type { Ports } from '../flows/ports/ports.js'

/**
 * Answers with the JSON of `work`; with an Idempotency-Key a repeat gets the first answer again. `wish` is what the key stands
 * for, parsed: another one under the same key is `idempotency_conflict`.
 */
export async function answerOnce(
  ports: Pick<Ports, 'idempotency'>,
  request: Request,
  response: Response,
  caller: Caller,
  wish: unknown,
  work: () => Promise<object>,
): Promise<void> {
  const key = readKey(request.get('idempotency-key'))
  if (key === undefined) return sendJson(response, 200, await work())
  response.set('Cache-Control', 'no-store')
  const requestDigest = createHash('sha256')
    .update(JSON.stringify([request.path, wish]))
    .digest()
  const scope = { tenantId: caller.tenantId, clientId: caller.clientId, key, requestDigest }
  const { answer, isReplay } = await ports.idempotency.once(scope, async () => JSON.stringify(await work()))
  if (isReplay) response.set('Idempotent-Replayed', 'true')
  response.type('application/json').send(answer)
}

function readKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  if (!/^[\x21-\x7e]{1,255}$/.test(header))
    throw new ServiceError('invalid_request', 'Idempotency-Key: 1 to 255 visible characters')
  return header
}
