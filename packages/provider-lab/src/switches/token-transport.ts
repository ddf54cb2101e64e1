import { oauthError, textAnswer, type Answer } from '../answer.js'
import type { SwitchFacts, SwitchFamily } from './points.js'
import {
  dripping,
  gzipBomb,
  huge,
  hugeHeader,
  manyHeaders,
  raw,
  rawDripping,
  toAttacker,
  withDelivery,
  withStatus,
} from './spoil.js'
import { numberOr, textOr } from './value.js'

// Two kinds on purpose: at `token.arrival` the provider did nothing and a retry is safe; at `token.answer` it has
// processed the request (and rotated), so what the client missed is lost or in doubt.
export const tokenTransportSwitches = {
  'tok.redirect_307': {
    does: 'not processed: redirect to the attacker; value is the status, default 307',
    at: { 'token.arrival': toAttacker('/token', 307) },
  },
  'tok.reset_before_body': {
    does: 'not processed: the connection is reset',
    at: {
      'token.arrival': () => ({ ...textAnswer(500, 'text/plain', ''), delivery: { kind: 'reset', after: 'nothing' } }),
    },
  },
  'tok.hang_unprocessed': {
    does: 'not processed: never answered',
    at: {
      'token.arrival': () => ({ ...textAnswer(500, 'text/plain', ''), delivery: { kind: 'hang', after: 'nothing' } }),
    },
  },
  'tok.429': {
    does: 'not processed: 429; value is Retry-After (default "1"; null for none)',
    at: { 'token.arrival': (_answer, { value }) => tooManyRequests(value) },
  },
  'tok.5xx': {
    does: 'not processed: an HTML page with the status in value, default 503',
    at: { 'token.arrival': (_answer, facts) => serverError(facts) },
  },
  'tok.5xx_after_rotate': {
    does: 'processed, then an HTML page with the status in value, default 503',
    at: { 'token.answer': (_answer, facts) => serverError(facts) },
  },
  'tok.reset_after_rotate': {
    does: 'processed, then the connection is reset before the first byte',
    at: { 'token.answer': withDelivery({ kind: 'reset', after: 'nothing' }) },
  },
  'tok.reset_mid_body': {
    does: 'processed, then the connection is reset after half of the body',
    at: { 'token.answer': withDelivery({ kind: 'reset', after: 'half-body' }) },
  },
  'tok.hang_headers': {
    does: 'processed, then not one byte',
    at: { 'token.answer': withDelivery({ kind: 'hang', after: 'nothing' }) },
  },
  'tok.hang_body': {
    does: 'processed, headers and half of the body, then nothing',
    at: { 'token.answer': withDelivery({ kind: 'hang', after: 'half-body' }) },
  },
  'tok.drip_body': {
    does: 'processed, the body one byte at a time; value is the pause in ms, default 1000',
    at: { 'token.answer': dripping },
  },
  'tok.huge': {
    does: 'processed, valid JSON padded to 100 MiB; value in bytes, Infinity never ends',
    at: { 'token.answer': huge },
  },
  'tok.gzip_bomb': {
    does: 'processed, gzip that inflates to 64 MiB whatever the client accepts; value in bytes',
    at: { 'token.answer': gzipBomb },
  },
  'tok.drip_headers': {
    does: 'processed, head and body one byte at a time; value is the pause in ms, default 1000',
    at: { 'token.answer': rawDripping('drip-head') },
  },
  'tok.endless_chunks': {
    does: 'processed, a chunked body that never ends; value is the pause between chunks in ms, default 1000',
    at: { 'token.answer': rawDripping('endless-chunks') },
  },
  'tok.garbage': { does: 'processed, then bytes that are no HTTP', at: { 'token.answer': raw('garbage') } },
  'tok.half_close': {
    does: 'processed, half of the body, then a clean end of the connection',
    at: { 'token.answer': raw('half-close') },
  },
  'tok.cl_and_te': {
    does: 'processed, Content-Length: 3 and Transfer-Encoding: chunked in one answer',
    at: { 'token.answer': raw('two-lengths') },
  },
  'tok.many_headers': { does: 'processed, 10,000 headers; value is the count', at: { 'token.answer': manyHeaders } },
  'tok.huge_header': { does: 'processed, one header of 1 MiB; value in bytes', at: { 'token.answer': hugeHeader } },
} satisfies SwitchFamily

function tooManyRequests(value: unknown): Answer {
  const answer = oauthError(429, 'slow_down', 'too many requests')
  if (value === null) return answer
  return { ...answer, headers: { ...answer.headers, 'retry-after': textOr(value, '1') } }
}

function serverError(facts: SwitchFacts): Answer {
  return withStatus(numberOr(facts.value, 503))(textAnswer(503, 'text/html', ''), facts)
}
