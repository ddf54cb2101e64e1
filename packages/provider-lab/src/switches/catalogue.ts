// Owns the list of every misbehaviour: one entry per switch, one file per family. Does not decide when a switch acts.
// Each entry names the pipeline point it acts at (points.ts) and one small function.
import { refreshSwitches } from './refresh.js'

export const catalogue = {
  ...refreshSwitches,
}

export type LabSwitch = keyof typeof catalogue
