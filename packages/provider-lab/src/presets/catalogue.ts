import { hostile5 } from './hostile.js'
import type { Preset } from './preset.js'
import { providerPresets } from './providers.js'

export type PresetName = keyof typeof providerPresets | 'hostile5'

export const presets: Readonly<Record<PresetName, Preset>> = { ...providerPresets, hostile5 }

/** Whether a text from outside names a preset. */
export const isPreset = (name: string): name is PresetName => Object.hasOwn(presets, name)

/** For readers: each preset with its line. */
export const presetList = (): Array<{ name: string; does: string }> =>
  Object.entries(presets).map(([name, { does }]) => ({ name, does }))
