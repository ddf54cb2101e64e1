import { switchFamilies, type LabSwitch } from '../switches/catalogue.js'
import type { Preset, SwitchSettings } from './preset.js'

// Not faults of the moment: policies, agreements that are never kept, and lies no client can tell from the truth.
const settled: ReadonlySet<string> = new Set([
  'disc.endpoint_swap_after_start',
  'ca.basic_only',
  'ca.post_only',
  'disc.rebinding_endpoints',
  'prm.multiple',
  'ca.none_only',
  'ca.mtls_only',
  'dcr.off',
  'dcr.changed_secret',
  'cimd.unsupported',
  'tok.tls_bad',
  'tok.hang_connect',
  'tok.token_type_dpop_downgrade', // does nothing to a bearer token
  'rt.rotate_strict',
  'rt.rotate_grace',
  'rt.family_revoke_on_reuse',
  'rt.kills_old_at',
  'rt.rate_10_per_10min',
  'rt.scope_required',
  'rt.scope_forbidden',
  'rt.redirect_uri_required',
])

const mebibyte = 1_048_576

// Sizes and pauses that are faults to a client and not a load on the machine they run on.
const mild: SwitchSettings = {
  'disc.huge': { value: 4 * mebibyte },
  'disc.slow': { value: 100 },
  'tok.huge': { value: 4 * mebibyte },
  'tok.gzip_bomb': { value: 16 * mebibyte },
  'tok.drip_body': { value: 200 },
  'tok.drip_headers': { value: 200 },
  'jwks.huge': { value: 4 * mebibyte },
  'ui.huge': { value: 4 * mebibyte },
}

/**
 * Every fault class at `fraction` per request: the switches of a class share it, so that a class with forty switches is
 * not forty times as hostile as one with a single switch.
 */
export function hostileSwitches(fraction: number): SwitchSettings {
  const chosen: SwitchSettings = {}
  for (const family of Object.values(switchFamilies)) {
    const names = Object.keys(family).filter((name) => !settled.has(name)) as LabSwitch[]
    if (names.length === 0) continue
    const p = 1 - (1 - fraction) ** (1 / names.length)
    for (const name of names) chosen[name] = { ...mild[name], mode: 'prob', p }
  }
  return chosen
}

export const hostile5: Preset = {
  does: 'an honest strict provider that fails five percent of the requests in each fault class',
  options: { pkce: 'optional', refresh: { mode: 'rotating', graceMs: 30_000 } },
  switches: () => hostileSwitches(0.05),
}
