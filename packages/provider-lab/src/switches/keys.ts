import type { JsonObject } from '../jose.js'
import type { Effect, SwitchFamily } from './points.js'
import { asHtml, huge, toAttacker, withBody, withDelivery, withStatus } from './spoil.js'
import { numberOr } from './value.js'

const kid =
  (choose: (random: { hex(bytes: number): string }) => string): Effect<'id_token'> =>
  (draft, { random }) =>
    draft && { ...draft, header: { ...draft.header, kid: choose(random) } }

const noKid: Effect<'id_token'> = (draft) => {
  if (!draft) return draft
  const { kid: _dropped, ...header } = draft.header
  return { ...draft, header }
}

const anonymous = ({ kid: _dropped, ...jwk }: JsonObject): JsonObject => jwk

/** Changes the published key itself, so a client that looks at it with care refuses what it signed. */
const publishedAs =
  (change: JsonObject): Effect<'jwks.keys'> =>
  (keys) =>
    keys.map((jwk) => ({ ...jwk, ...change }))

export const keySwitches = {
  'idt.kid_absent_single': {
    does: 'valid: neither the id_token nor the only published key has a kid',
    at: { id_token: noKid, 'jwks.keys': (keys) => keys.map(anonymous) },
  },
  'idt.kid_absent_multiple': {
    does: 'no kid in the id_token, several published keys without kid; the right one is last',
    at: {
      id_token: noKid,
      'jwks.keys': (keys, facts) => [facts.keys.decoy(1).jwk(), facts.keys.decoy(2).jwk(), ...keys].map(anonymous),
    },
  },
  'idt.kid_unknown': { does: 'a kid that is never published', at: { id_token: kid(() => 'kid-of-nobody') } },
  'idt.duplicate_kid': {
    does: 'two published keys with one kid; the wrong one is first',
    at: {
      'jwks.keys': (keys, facts) => [{ ...facts.keys.decoy(1).jwk(), kid: facts.keys.current().kid }, ...keys],
    },
  },
  'jwks.just_before_signing': {
    does: 'keys rotate right before each id_token is signed',
    at: {
      'signing.keys': (ring) => {
        ring.rotate()
        return ring
      },
    },
  },
  'jwks.flood': {
    does: 'every id_token has another random kid, to provoke JWKS fetches',
    at: { id_token: kid((random) => random.hex(8)) },
  },
  'jwks.many_keys': {
    does: '10,000 keys; value is the count',
    at: {
      'jwks.keys': (keys, { value, keys: ring }) => {
        const decoy = ring.decoy(1).jwk()
        const added = Array.from({ length: numberOr(value, 10_000) }, (_, n) => ({ ...decoy, kid: `many-${n}` }))
        return [...added, ...keys]
      },
    },
  },
  'jwks.oversized_key': {
    does: 'the published RSA key has 16,384 bits',
    at: { 'jwks.keys': (keys, { random }) => keys.map((jwk) => ({ ...jwk, n: oddModulus(random.hex(2048)) })) },
  },
  'jwks.exponent_one': { does: 'the published RSA key has e = 1', at: { 'jwks.keys': publishedAs({ e: 'AQ' }) } },
  'jwks.off_curve': {
    does: 'the published EC key is a point that is not on its curve',
    at: { 'jwks.keys': (keys) => keys.map((jwk) => ({ ...jwk, y: jwk['x'] })) },
  },
  'jwks.private_key_inside': {
    does: 'the published key still has its private part',
    at: {
      'jwks.keys': (keys, facts) =>
        keys.map((jwk) => ({ ...jwk, ...facts.keys.current().privateKey.export({ format: 'jwk' }) })),
    },
  },
  'jwks.oct_key': {
    does: 'a symmetric key under the kid of the signing key',
    at: {
      'jwks.keys': (keys, { keys: ring }) => [
        { kty: 'oct', k: Buffer.from('lab').toString('base64url'), alg: ring.alg, kid: ring.current().kid },
        ...keys.slice(1),
      ],
    },
  },
  'jwks.500': { does: 'no keys: 500 with an HTML page', at: { 'jwks.answer': withStatus(500) } },
  'jwks.html': { does: '200 with an HTML page', at: { 'jwks.answer': asHtml } },
  'jwks.empty': { does: 'an empty key set', at: { 'jwks.answer': withBody('{"keys":[]}') } },
  'jwks.huge': { does: '100 MiB; value in bytes', at: { 'jwks.answer': huge } },
  'jwks.redirect': {
    does: 'redirect to the attacker; value is the status, default 302',
    at: { 'jwks.answer': toAttacker('/jwks', 302) },
  },
  'jwks.hang': {
    does: 'the request is read and never answered',
    at: { 'jwks.answer': withDelivery({ kind: 'hang', after: 'nothing' }) },
  },
} satisfies SwitchFamily

// First bit set so that the length is exact, last bit set because a modulus is odd.
function oddModulus(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes.writeUInt8(bytes.readUInt8(0) | 0x80, 0)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) | 1, bytes.length - 1)
  return bytes.toString('base64url')
}
