import type { LabProviderOptions, RefreshPolicy } from '../options.js'
import { isPreset, presets, type PresetName } from '../presets/catalogue.js'
import type { SwitchSettings } from '../presets/preset.js'
import type { LabSwitchMode } from '../switches/board.js'
import { isSwitch, type LabSwitch } from '../switches/catalogue.js'
import type { TenantOptions } from '../tenants.js'
import { fieldsOf, type Fields } from './fields.js'
import { ControlError } from './problem.js'

const defaultTtlSeconds = 3600

const clientAuthMethods = [
  'client_secret_basic',
  'client_secret_post',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'none',
  'any',
] as const

/** The body of POST /ctl/t. Members are named as the OAuth parameters they stand for. */
export function readTenant(body: unknown): TenantOptions {
  const fields = fieldsOf(body ?? {})
  const preset = fields.text('preset')
  const switches = fields.object('switches')
  const tenant = withoutUndefined({
    id: fields.text('id'),
    preset: preset === undefined ? undefined : requirePreset(preset),
    seed: fields.number('seed', { whole: 'whole' }),
    ttlMs: (fields.number('ttl_seconds', { min: 1 }) ?? defaultTtlSeconds) * 1000,
    switches: switches && readSwitches(switches),
    ...readOptions(fields),
  })
  fields.end()
  return tenant
}

function readOptions(fields: Fields): { [Name in keyof LabProviderOptions]: LabProviderOptions[Name] | undefined } {
  const refresh = fields.object('refresh')
  return {
    clientId: fields.text('client_id'),
    clientSecret: fields.text('client_secret'),
    clientAuth: fields.choice('client_auth', clientAuthMethods),
    clientCertificate: fields.text('client_certificate'),
    registration: fields.choice('registration', ['off', 'open']),
    cimd: fields.choice('cimd', ['off', 'supported']),
    clientDocumentHosts: fields.texts('client_document_hosts'),
    par: fields.choice('par', ['off', 'supported', 'required']),
    dpop: fields.choice('dpop', ['off', 'supported', 'required']),
    oidc: fields.flag('oidc'),
    refresh: refresh && readRefresh(refresh),
    accessTokenSeconds: fields.number('access_token_seconds', { min: 0 }),
    pkce: fields.choice('pkce', ['required', 'optional', 'ignored']),
    sendsIss: fields.flag('sends_iss'),
    subject: fields.text('subject'),
    redirectUris: fields.texts('redirect_uris'),
    signingAlg: fields.choice('signing_alg', ['RS256', 'PS256', 'ES256', 'EdDSA']),
  }
}

function readRefresh(fields: Fields): { mode: RefreshPolicy['mode'] } & Partial<RefreshPolicy> {
  const policy = withoutUndefined({
    mode: fields.choice('mode', ['stable', 'rotating']) ?? 'rotating',
    graceMs: fields.number('grace_ms', { min: 0 }),
    revokesFamilyOnReuse: fields.flag('revokes_family_on_reuse'),
    killsOldAccessToken: fields.flag('kills_old_access_token'),
    omitWhenStable: fields.flag('omit_when_stable'),
    keepsPredecessors: fields.flag('keeps_predecessors'),
  })
  fields.end()
  return policy
}

function readSwitches(fields: Fields): SwitchSettings {
  const settings: SwitchSettings = {}
  for (const name of fields.names()) {
    const how = fields.object(name)
    settings[requireSwitch(name)] = how ? readSwitchMode(how) : {}
  }
  return settings
}

/** The body of PUT /ctl/t/{id}/switch/{name}. */
export function readSwitchMode(fields: Fields): LabSwitchMode {
  const how = withoutUndefined({
    mode: fields.choice('mode', ['always', 'times', 'nth', 'prob']),
    n: fields.number('n', { min: 1, whole: 'whole' }),
    p: fields.number('p', { min: 0, max: 1 }),
    value: fields.any('value'),
    only: fields.choice('only', ['authorization_code', 'refresh_token']),
  })
  fields.end()
  return how
}

/** Throws ControlError 404 with the nearest name. */
export function requireSwitch(name: string): LabSwitch {
  if (isSwitch(name)) return name
  throw new ControlError(404, 'no such switch', `there is no switch '${name}': GET /ctl/switches lists them`)
}

export function requirePreset(name: string): PresetName {
  if (isPreset(name)) return name
  const known = Object.keys(presets).join(', ')
  throw new ControlError(400, 'no such preset', `there is no preset '${name}': choose one of ${known}`)
}

type Present<T> = { [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name] } & {
  [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<T[Name], undefined>
}

// An option that is present and undefined would hide a preset's.
function withoutUndefined<T extends object>(members: T): Present<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>
}
