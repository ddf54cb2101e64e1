import { createPublicKey } from 'node:crypto'
import { brokenSigner, hmacSigner, signerFor, type JwtDraft } from '../jose.js'
import type { Effect, SwitchFacts, SwitchFamily } from './points.js'
import { numberOr, textOr } from './value.js'

type DraftEffect = (draft: JwtDraft, facts: SwitchFacts) => JwtDraft

const spoil =
  (effect: DraftEffect): Effect<'id_token'> =>
  (draft, facts) =>
    draft && effect(draft, facts)

// The near miss of the conformance suite: prefix or "contains" comparison would let it pass.
const plusOne = (claim: string): Effect<'id_token'> =>
  spoil((draft) => ({ ...draft, claims: { ...draft.claims, [claim]: `${textOr(draft.claims[claim], '')}1` } }))

const missing = (claim: string): Effect<'id_token'> =>
  spoil((draft) => ({
    ...draft,
    claims: Object.fromEntries(Object.entries(draft.claims).filter(([name]) => name !== claim)),
  }))

const claims = (change: (facts: SwitchFacts) => Record<string, unknown>): Effect<'id_token'> =>
  spoil((draft, facts) => ({ ...draft, claims: { ...draft.claims, ...change(facts) } }))

const header = (changed: Record<string, unknown>): Effect<'id_token'> =>
  spoil((draft) => ({ ...draft, header: { ...draft.header, ...changed } }))

const noSignature = (alg: string): Effect<'id_token'> =>
  spoil((draft) => ({ ...draft, header: { ...draft.header, alg }, signer: () => Buffer.alloc(0) }))

const seconds = ({ nowMs }: SwitchFacts): number => Math.floor(nowMs() / 1000)

// RFC 7519 section 4.1: shifted together, as a provider with a wrong clock would issue them.
const shiftedBy = (offset: (facts: SwitchFacts) => number): Effect<'id_token'> =>
  claims((facts) => {
    const at = seconds(facts) + offset(facts)
    return { iat: at, nbf: at, exp: at + 3600 }
  })

export const idTokenSwitches = {
  'idt.iss+1': { does: 'iss + 1', at: { id_token: plusOne('iss') } },
  'idt.aud+1': { does: 'aud + 1', at: { id_token: plusOne('aud') } },
  'idt.nonce+1': { does: 'nonce + 1', at: { id_token: plusOne('nonce') } },
  'idt.sub+1': { does: 'sub + 1', at: { id_token: plusOne('sub') } },
  'idt.missing_iss': { does: 'no iss', at: { id_token: missing('iss') } },
  'idt.missing_sub': { does: 'no sub', at: { id_token: missing('sub') } },
  'idt.missing_aud': { does: 'no aud', at: { id_token: missing('aud') } },
  'idt.missing_exp': { does: 'no exp', at: { id_token: missing('exp') } },
  'idt.missing_iat': { does: 'no iat', at: { id_token: missing('iat') } },
  'idt.missing_nonce': { does: 'no nonce', at: { id_token: missing('nonce') } },
  'idt.missing_though_openid': { does: 'no id_token although openid was granted', at: { id_token: () => undefined } },

  'idt.aud_array': { does: 'valid: aud is an array of one', at: { id_token: claims((f) => ({ aud: [f.clientId] })) } },
  'idt.aud_foreign_second': {
    does: 'aud has a foreign second entry and no azp',
    at: { id_token: claims((facts) => ({ aud: [facts.clientId, 'someone-else'] })) },
  },
  'idt.azp_foreign': {
    does: 'azp names another client',
    at: { id_token: claims((facts) => ({ aud: [facts.clientId, 'someone-else'], azp: 'someone-else' })) },
  },
  'idt.expired': {
    does: 'exp value seconds in the past, default 600',
    at: {
      id_token: claims((facts) => {
        const exp = seconds(facts) - numberOr(facts.value, 600)
        return { exp, iat: exp - 60 }
      }),
    },
  },
  'idt.clock_skew': {
    does: 'iat, nbf and exp shifted by value seconds, default +600',
    at: { id_token: shiftedBy(({ value }) => numberOr(value, 600)) },
  },
  'idt.iat_week_old': {
    does: 'iat a week ago, exp still ahead',
    at: { id_token: claims((facts) => ({ iat: seconds(facts) - 7 * 86_400 })) },
  },
  'idt.at_hash_wrong': { does: 'at_hash of another token', at: { id_token: plusOne('at_hash') } },

  'idt.alg_none': { does: 'alg none, no signature', at: { id_token: noSignature('none') } },
  'idt.alg_nOnE': { does: 'alg nOnE, no signature', at: { id_token: noSignature('nOnE') } },
  'idt.hs256_with_public_key': {
    does: 'HS256 keyed with the public key as PEM',
    at: {
      id_token: spoil((draft, { keys }) => {
        const pem = createPublicKey({ key: keys.current().jwk(), format: 'jwk' }).export({
          type: 'spki',
          format: 'pem',
        })
        return { ...draft, header: { ...draft.header, alg: 'HS256' }, signer: hmacSigner(pem.toString()) }
      }),
    },
  },
  'idt.alternate_alg': {
    does: 'rightly signed by the published key, but PS256 where RS256 was agreed (and the reverse); RSA only',
    at: {
      id_token: spoil((draft, { keys }) => {
        const alg = keys.alg === 'RS256' ? 'PS256' : 'RS256'
        return { ...draft, header: { ...draft.header, alg }, signer: signerFor(alg, keys.current().privateKey) }
      }),
    },
  },
  'idt.crit': {
    does: 'a critical header extension nobody knows (RFC 7515 section 4.1.11)',
    at: { id_token: header({ crit: ['urn:lab:unknown'], 'urn:lab:unknown': true }) },
  },
  'idt.b64_false': { does: 'b64 false (RFC 7797)', at: { id_token: header({ b64: false, crit: ['b64'] }) } },
  'idt.jwe': {
    does: 'an encrypted token where a signed one was agreed',
    at: {
      'token.body': (body) => {
        const head = Buffer.from('{"alg":"RSA-OAEP-256","enc":"A256GCM"}').toString('base64url')
        return { ...body, id_token: `${head}.AAAA.AAAA.AAAA.AAAA` }
      },
    },
  },
  'idt.bad_sig': {
    does: 'every byte of the signature XOR 0x5A: well-formed, wrong',
    at: { id_token: spoil((draft) => ({ ...draft, signer: brokenSigner(draft.signer) })) },
  },
} satisfies SwitchFamily

// What a refresh answer may not change, OpenID Connect Core section 12.2.
export const refreshIdTokenSwitches = {
  'refresh_idt.iss+1': { does: 'iss + 1 in refreshes only', only: 'refresh_token', at: { id_token: plusOne('iss') } },
  'refresh_idt.sub+1': { does: 'sub + 1 in refreshes only', only: 'refresh_token', at: { id_token: plusOne('sub') } },
  'refresh_idt.aud+1': { does: 'aud + 1 in refreshes only', only: 'refresh_token', at: { id_token: plusOne('aud') } },
  'refresh_idt.absent': {
    does: 'valid: refreshes carry no id_token',
    only: 'refresh_token',
    at: { id_token: () => undefined },
  },
} satisfies SwitchFamily
