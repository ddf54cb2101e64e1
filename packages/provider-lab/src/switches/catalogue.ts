// Owns the list of every misbehaviour: one entry per switch, one file per family. Does not decide when a switch acts.
// Each entry names the pipeline point it acts at (points.ts) and one small function.
import { authorizeSwitches } from './authorize.js'
import { clientAuthSwitches } from './client-auth.js'
import { discoverySwitches } from './discovery.js'
import { idTokenSwitches, refreshIdTokenSwitches } from './id-token.js'
import { keySwitches } from './keys.js'
import { refreshSwitches } from './refresh.js'
import { apiSwitches, revocationSwitches, userinfoSwitches } from './resources.js'
import { tokenContentSwitches } from './token-content.js'
import { tokenTransportSwitches } from './token-transport.js'

export const catalogue = {
  ...discoverySwitches,
  ...authorizeSwitches,
  ...tokenTransportSwitches,
  ...tokenContentSwitches,
  ...clientAuthSwitches,
  ...refreshSwitches,
  ...idTokenSwitches,
  ...refreshIdTokenSwitches,
  ...keySwitches,
  ...userinfoSwitches,
  ...revocationSwitches,
  ...apiSwitches,
}

export type LabSwitch = keyof typeof catalogue
