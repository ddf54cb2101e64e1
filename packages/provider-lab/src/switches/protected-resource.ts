import type { SwitchFamily } from './points.js'

/** RFC 9728 metadata of the protected API. */
export const protectedResourceSwitches = {
  'prm.resource_mismatch': {
    does: 'resource names another resource than the one asked about',
    at: { 'resource.metadata': (metadata, { attackerUrl }) => ({ ...metadata, resource: `${attackerUrl}/api` }) },
  },
  'prm.no_authorization_servers': {
    does: 'no authorization_servers',
    at: { 'resource.metadata': ({ authorization_servers: _dropped, ...metadata }) => metadata },
  },
  'prm.multiple': {
    does: 'two authorization servers, the attacker first',
    at: {
      'resource.metadata': (metadata, { attackerUrl, issuer }) => ({
        ...metadata,
        authorization_servers: [attackerUrl, issuer],
      }),
    },
  },
} satisfies SwitchFamily
