import type { SwitchFamily } from './points.js'
import {
  asHtml,
  deeplyNested,
  dripping,
  huge,
  toAttacker,
  truncated,
  withBody,
  withDelivery,
  withPrototypeKeys,
  withStatus,
} from './spoil.js'
import { textOr } from './value.js'

const endpointNames = [
  'authorization_endpoint',
  'token_endpoint',
  'jwks_uri',
  'userinfo_endpoint',
  'revocation_endpoint',
]

export const discoverySwitches = {
  'disc.issuer_suffix': {
    does: 'metadata names issuer + INVALID',
    at: { 'discovery.metadata': (metadata, { issuer }) => ({ ...metadata, issuer: `${issuer}INVALID` }) },
  },
  'disc.issuer_trailing_slash': {
    does: 'metadata names issuer + /, which an exact comparison refuses',
    at: { 'discovery.metadata': (metadata, { issuer }) => ({ ...metadata, issuer: `${issuer}/` }) },
  },
  'disc.404': { does: 'no metadata: 404 with an HTML page', at: { 'discovery.answer': withStatus(404) } },
  'disc.500': { does: 'no metadata: 500 with an HTML page', at: { 'discovery.answer': withStatus(500) } },
  'disc.html': { does: '200 with an HTML page', at: { 'discovery.answer': asHtml } },
  'disc.malformed': { does: 'JSON cut short', at: { 'discovery.answer': truncated } },
  'disc.empty': { does: '200 with an empty body', at: { 'discovery.answer': withBody('') } },
  'disc.redirect': {
    does: 'redirect to the attacker; value is the status, default 302',
    at: { 'discovery.answer': toAttacker('/.well-known/openid-configuration', 302) },
  },
  'disc.private_ip_endpoints': {
    does: 'every endpoint is moved to a private address; value is the origin, default http://169.254.169.254',
    at: {
      'discovery.metadata': (metadata, { value }) =>
        moveEndpoints(metadata, textOr(value, 'http://169.254.169.254'), endpointNames),
    },
  },
  'disc.rebinding_endpoints': {
    does: 'every endpoint is moved to a name that rebinds; value is the origin, default https://rebind.lab.test',
    at: {
      'discovery.metadata': (metadata, { value }) =>
        moveEndpoints(metadata, textOr(value, 'https://rebind.lab.test'), endpointNames),
    },
  },
  'disc.endpoint_swap_after_start': {
    does: 'from now on the token endpoint in the metadata is the attacker',
    at: {
      'discovery.metadata': (metadata, { attackerUrl }) => ({ ...metadata, token_endpoint: `${attackerUrl}/token` }),
    },
  },
  'disc.no_pkce_methods': {
    does: 'metadata lacks code_challenge_methods_supported',
    at: {
      'discovery.metadata': ({ code_challenge_methods_supported: _dropped, ...metadata }) => metadata,
    },
  },
  'disc.missing_endpoint': {
    does: 'metadata lacks the member named by value, default token_endpoint',
    at: {
      'discovery.metadata': (metadata, { value }) =>
        Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== textOr(value, 'token_endpoint'))),
    },
  },
  'disc.prototype_keys': {
    does: 'metadata with __proto__, constructor and friends',
    at: { 'discovery.metadata': withPrototypeKeys },
  },
  'disc.huge': { does: '100 MiB of metadata; value in bytes', at: { 'discovery.answer': huge } },
  'disc.deep': { does: '100,000 nested arrays', at: { 'discovery.answer': deeplyNested } },
  'disc.slow': {
    does: 'one byte at a time; value is the pause in ms, default 1000',
    at: { 'discovery.answer': dripping },
  },
  'disc.hang': {
    does: 'the request is read and never answered',
    at: { 'discovery.answer': withDelivery({ kind: 'hang', after: 'nothing' }) },
  },
} satisfies SwitchFamily

function moveEndpoints(metadata: Record<string, unknown>, origin: string, names: string[]): Record<string, unknown> {
  const moved = names
    .filter((name) => typeof metadata[name] === 'string')
    .map((name) => [name, `${origin}${new URL(String(metadata[name])).pathname}`] as const)
  return { ...metadata, ...Object.fromEntries(moved) }
}
