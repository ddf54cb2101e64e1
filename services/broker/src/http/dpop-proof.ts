import { readJson, refuseMethod } from '@dromos/runtime'
import { Router } from 'express'
import * as z from 'zod'
import type { Ports } from '../flows/ports/ports.js'
import { provePossession } from '../flows/prove-possession.js'
import { actorOf, callerAs } from './guard.js'
import { parseInput } from './input.js'

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/

/** What RFC 9449 can bind a proof to: https, or plain http on this machine. */
function isResource(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  const isSecure = protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname))
  return isSecure && username === '' && password === ''
}

const proofBody = z.object({
  method: z.string().regex(/^[A-Z]{1,16}$/, 'is an HTTP method in capital letters'),
  url: z
    .string()
    .max(8192)
    .refine(isResource, { error: 'must be an absolute https URL without user name or password' }),
  // RFC 9449 section 8.1: NQCHAR
  nonce: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/, 'is not a nonce')
    .optional(),
})

/** Guarded. Proofs for agents whose tokens are bound to a key (RFC 9449). */
export function dpopProofRouter(ports: Pick<Ports, 'connections' | 'vault' | 'dpop' | 'report'>): Router {
  const router = Router()
  router
    .route('/connections/:connectionId/dpop-proof')
    .post(readJson, async (request, response) => {
      const caller = callerAs(response, 'agent')
      const { method, url, nonce } = parseInput(proofBody, request.body)
      const wish = { method, url, nonce }
      const proof = await provePossession(ports, caller, actorOf(response), request.params.connectionId, wish)
      response.set('Cache-Control', 'no-store').json(proof)
    })
    .all(refuseMethod('POST'))
  return router
}
