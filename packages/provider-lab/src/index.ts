// The provider lab: an OAuth 2 / OpenID Connect provider whose misbehaviour is switchable, for tests of clients.
// It owns the provider's side only; it knows nothing of Dromos and depends on Node's built-ins alone.
export { startProviderLab, type LabOptions, type ProviderLab } from './lab.js'
export { startControl, type Control, type ControlOptions } from './control/server.js'
export type { LabProvider, LabReply, Oracle, IssuedGrant } from './provider.js'
export type { ApiCredentials, ClientAuthMethod, LabProviderOptions, RefreshPolicy } from './options.js'
export type { TenantOptions } from './tenants.js'
export type { JournalEntry } from './journal.js'
export type { LabEndpoint } from './request.js'
export type { Hold, HoldPoint } from './holds.js'
export type { LabClock } from './clock.js'
export { catalogue, switchFamilies, type LabSwitch } from './switches/catalogue.js'
export { presets, type PresetName } from './presets/catalogue.js'
export { hostileSwitches } from './presets/hostile.js'
export {
  createTestAuthority,
  selfSigned,
  type Certified,
  type CertificateWish,
  type TestAuthority,
} from './tls/authority.js'
export { tlsFaults, type TlsFault } from './tls/faults.js'
export { startLabDns, type LabDns } from './dns/server.js'
export type { LabSwitchMode } from './switches/board.js'
