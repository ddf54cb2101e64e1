import type { LabProviderOptions } from '../options.js'
import type { LabSwitchMode } from '../switches/board.js'
import type { LabSwitch } from '../switches/catalogue.js'

export type SwitchSettings = Partial<Record<LabSwitch, LabSwitchMode>>

/** A provider's ways: what makes clients that were only tried against another one fail. */
export type Preset = {
  /** One line: what is particular about it. */
  does: string
  options: LabProviderOptions
  switches(): SwitchSettings
}
