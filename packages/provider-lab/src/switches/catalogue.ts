// Owns the list of every misbehaviour: one entry per switch, one file per family. Does not decide when a switch acts.
// Each entry names the pipeline point it acts at (points.ts) and one small function.
import { authorizeSwitches } from './authorize.js'
import { clientAuthSwitches } from './client-auth.js'
import { dpopSwitches, parSwitches } from './dpop.js'
import { discoverySwitches } from './discovery.js'
import { idTokenSwitches, refreshIdTokenSwitches } from './id-token.js'
import { keySwitches } from './keys.js'
import { refreshSwitches } from './refresh.js'
import { apiSwitches, revocationSwitches, userinfoSwitches } from './resources.js'
import { tokenContentSwitches } from './token-content.js'
import { tokenTransportSwitches } from './token-transport.js'
import { protectedResourceSwitches } from './protected-resource.js'
import { registrationSwitches } from './registration.js'
import { tlsSwitches } from './tls.js'

/** The fault classes. A family is a class: `hostile5` draws five percent from each. */
export const switchFamilies = {
  discovery: { ...discoverySwitches, ...protectedResourceSwitches },
  authorization: authorizeSwitches,
  'token transport': tokenTransportSwitches,
  TLS: tlsSwitches,
  'token content': tokenContentSwitches,
  'client authentication': clientAuthSwitches,
  refresh: refreshSwitches,
  id_token: { ...idTokenSwitches, ...refreshIdTokenSwitches },
  keys: keySwitches,
  userinfo: userinfoSwitches,
  revocation: revocationSwitches,
  'resource server': apiSwitches,
  'pushed authorization': parSwitches,
  possession: dpopSwitches,
  'client registration': registrationSwitches,
}

export const catalogue = {
  ...discoverySwitches,
  ...protectedResourceSwitches,
  ...authorizeSwitches,
  ...tokenTransportSwitches,
  ...tlsSwitches,
  ...tokenContentSwitches,
  ...clientAuthSwitches,
  ...refreshSwitches,
  ...idTokenSwitches,
  ...refreshIdTokenSwitches,
  ...keySwitches,
  ...userinfoSwitches,
  ...parSwitches,
  ...dpopSwitches,
  ...registrationSwitches,
  ...revocationSwitches,
  ...apiSwitches,
}

/** Whether a text from outside names a switch. */
export const isSwitch = (name: string): name is LabSwitch => Object.hasOwn(catalogue, name)

export type LabSwitch = keyof typeof catalogue
