import type { LabProviderOptions } from '../options.js'
import type { Preset } from './preset.js'

// Facts restated from the providers' public documentation; each is the behaviour class, not a copy of the service.
const hour = 3600
const day = 24 * hour
const minuteMs = 60_000

const noSwitches = (): Record<string, never> => ({})

// MCP authorization, 2026-07-28.
const mcp: LabProviderOptions = {
  oidc: false,
  clientAuth: 'none',
  pkce: 'required',
  sendsIss: true,
  accessTokenSeconds: 10 * 60,
  refresh: { mode: 'rotating', graceMs: 0 },
}

export const providerPresets = {
  google: {
    does: 'stable refresh token, left out of refresh answers; access tokens of an hour',
    options: {
      clientAuth: 'any',
      pkce: 'optional',
      sendsIss: false,
      accessTokenSeconds: hour - 1,
      refresh: { mode: 'stable', omitWhenStable: true },
    },
    switches: noSwitches,
  },
  microsoft: {
    does: 'a new refresh token each time, the old ones go on working',
    options: {
      pkce: 'optional',
      sendsIss: false,
      accessTokenSeconds: 75 * 60,
      refresh: { mode: 'rotating', keepsPredecessors: true, revokesFamilyOnReuse: false },
    },
    switches: noSwitches,
  },
  okta: {
    does: 'rotates; the predecessor works for 30 seconds more, after that its use ends the grant',
    options: { pkce: 'optional', sendsIss: false, refresh: { mode: 'rotating', graceMs: 30_000 } },
    switches: noSwitches,
  },
  auth0: {
    does: 'rotates without leeway: a repeated refresh ends the grant',
    options: { pkce: 'optional', sendsIss: false, accessTokenSeconds: day, refresh: { mode: 'rotating', graceMs: 0 } },
    switches: noSwitches,
  },
  atlassian: {
    does: 'rotates with ten minutes of grace; a dead grant is a 403; no id_token',
    options: {
      oidc: false,
      clientAuth: 'client_secret_post',
      pkce: 'optional',
      sendsIss: false,
      invalidGrantStatus: 403,
      refresh: { mode: 'rotating', graceMs: 10 * minuteMs },
    },
    switches: noSwitches,
  },
  xero: {
    does: 'rotates with thirty minutes of grace; access tokens of thirty minutes',
    options: {
      pkce: 'optional',
      sendsIss: false,
      accessTokenSeconds: hour / 2,
      refresh: { mode: 'rotating', graceMs: 30 * minuteMs },
    },
    switches: noSwitches,
  },
  slack: {
    does: 'errors with status 200 and ok:false, scopes with commas, token_type bot, strict rotation',
    options: {
      oidc: false,
      pkce: 'optional',
      sendsIss: false,
      accessTokenSeconds: 12 * hour,
      scopeSeparator: ',',
      errorsIn200: 'slack',
      tokenAnswerExtras: { ok: true },
      refresh: { mode: 'rotating', graceMs: 0 },
    },
    switches: () => ({ 'tok.type_bot': {} }),
  },
  github: {
    does: 'form-encoded unless JSON is asked for, errors with status 200, a refresh ends the old access token',
    options: {
      oidc: false,
      clientAuth: 'client_secret_post',
      pkce: 'optional',
      sendsIss: false,
      accessTokenSeconds: 8 * hour,
      scopeSeparator: ',',
      errorsIn200: 'github',
      refresh: { mode: 'rotating', killsOldAccessToken: true },
    },
    switches: () => ({ 'tok.form_unless_json_accepted': {} }),
  },
  box: {
    does: 'strict rotation, one use; client_secret_post alone; no PKCE',
    options: {
      oidc: false,
      clientAuth: 'client_secret_post',
      pkce: 'ignored',
      sendsIss: false,
      refresh: { mode: 'rotating', graceMs: 0 },
    },
    switches: noSwitches,
  },
  gitlab: {
    does: 'rotates, a refresh ends the old access token and must repeat redirect_uri',
    options: {
      pkce: 'optional',
      sendsIss: false,
      accessTokenSeconds: 2 * hour,
      refresh: { mode: 'rotating', killsOldAccessToken: true },
    },
    switches: () => ({ 'rt.redirect_uri_required': {} }),
  },
  zendesk: {
    does: 'no expires_in, and a refresh ends the old access token',
    options: {
      oidc: false,
      clientAuth: 'client_secret_post',
      pkce: 'optional',
      sendsIss: false,
      refresh: { mode: 'rotating', killsOldAccessToken: true },
    },
    switches: () => ({ 'tok.no_expires_in': {} }),
  },
  salesforce: {
    does: 'no expires_in and a stable refresh token that refresh answers leave out; keep instance_url',
    options: {
      pkce: 'optional',
      sendsIss: false,
      tokenAnswerExtras: { instance_url: 'https://acme.my.salesforce.example' },
      refresh: { mode: 'stable', omitWhenStable: true },
    },
    switches: () => ({ 'tok.no_expires_in': {} }),
  },
  mcp: {
    does: 'a public client, PKCE required, iss in the response, short access tokens, strict rotation',
    options: mcp,
    switches: noSwitches,
  },
  'mcp-cimd': {
    does: 'as mcp; a client_id may be the https URL of a client ID metadata document',
    options: { ...mcp, cimd: 'supported' },
    switches: noSwitches,
  },
  'mcp-dcr': {
    does: 'as mcp; clients register themselves (RFC 7591)',
    options: { ...mcp, registration: 'open' },
    switches: noSwitches,
  },
  fapi2: {
    does: 'PAR and DPoP required, PKCE, iss in the response, PS256, short access tokens, no rotation',
    options: {
      pkce: 'required',
      sendsIss: true,
      par: 'required',
      dpop: 'required',
      signingAlg: 'PS256',
      accessTokenSeconds: 5 * 60,
      refresh: { mode: 'stable' },
    },
    switches: noSwitches,
  },
} satisfies Record<string, Preset>
