import { isIP } from 'node:net'
import { parseArgs } from 'node:util'
import { isPreset, presets, type PresetName } from '../presets/catalogue.js'
import type { SwitchSettings } from '../presets/preset.js'
import { isSwitch } from '../switches/catalogue.js'
import { UsageError } from './usage.js'

export type DnsZone = { name: string; sets: readonly string[][] }

export type StartArguments = {
  command: 'start'
  preset: PresetName | undefined
  switches: SwitchSettings
  /** Probability per fault class; undefined when not hostile. */
  hostile: number | undefined
  seed: number
  host: string
  port: number
  controlPort: number
  clientId: string | undefined
  clientSecret: string | undefined
  redirectUris: string[] | undefined
  /** What each name resolves to, in turn. */
  dns: readonly DnsZone[]
  dnsPort: number
  tls: boolean
  quiet: boolean
}

export type Arguments =
  { command: 'help' | 'version' } | { command: 'switches' | 'presets'; json: boolean } | StartArguments

const options = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  json: { type: 'boolean' },
  preset: { type: 'string' },
  switch: { type: 'string', multiple: true },
  hostile: { type: 'string' },
  seed: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  'control-port': { type: 'string' },
  'client-id': { type: 'string' },
  'client-secret': { type: 'string' },
  'redirect-uri': { type: 'string', multiple: true },
  dns: { type: 'string', multiple: true },
  'dns-port': { type: 'string' },
  tls: { type: 'boolean' },
  quiet: { type: 'boolean' },
} as const

/** Parses the command line. Throws UsageError with a sentence that says what would have been right. */
export function parseArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parsed(args)
  const [command = 'start', ...surplus] = positionals
  if (values.help || command === 'help') return { command: 'help' }
  if (values.version) return { command: 'version' }
  if (surplus.length > 0) throw new UsageError(`'${surplus.join(' ')}' is one word too many`)
  if (command === 'switches' || command === 'presets') return { command, json: values.json ?? false }
  if (command !== 'start') throw new UsageError(`there is no command '${command}'`)
  return {
    command,
    preset: values.preset === undefined ? undefined : presetOf(values.preset),
    switches: Object.fromEntries((values.switch ?? []).map(switchOf)),
    hostile: values.hostile === undefined ? undefined : numberOf('hostile', values.hostile, 1),
    seed: wholeOf('seed', values.seed ?? '1', Number.MAX_SAFE_INTEGER),
    host: values.host ?? '127.0.0.1',
    port: wholeOf('port', values.port ?? '9400', 65_535),
    controlPort: wholeOf('control-port', values['control-port'] ?? '9401', 65_535),
    clientId: values['client-id'],
    clientSecret: values['client-secret'],
    redirectUris: values['redirect-uri'],
    dns: (values.dns ?? []).map(zoneOf),
    dnsPort: wholeOf('dns-port', values['dns-port'] ?? '9402', 65_535),
    tls: values.tls ?? false,
    quiet: values.quiet ?? false,
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'the options cannot be read', { cause: error })
  }
}

function presetOf(name: string): PresetName {
  if (isPreset(name)) return name
  throw new UsageError(`there is no preset '${name}': choose one of ${Object.keys(presets).join(', ')}`)
}

/** `tok.429`, or `tok.429=30` with a value: JSON where it is JSON, else the text itself. */
function switchOf(text: string): [string, { value?: unknown }] {
  const [name = '', ...rest] = text.split('=')
  if (!isSwitch(name)) throw new UsageError(`there is no switch '${name}': dromos-lab switches lists them`)
  return [name, rest.length === 0 ? {} : { value: jsonOrText(rest.join('=')) }]
}

/** `a.test=93.184.216.34/127.0.0.1,::1`: sets between slashes, their addresses between commas. */
function zoneOf(text: string): DnsZone {
  const [, name, addresses = ''] = /^([^=\s]+)=(.*)$/.exec(text) ?? []
  const sets = addresses.split('/').map((set) => set.split(',').filter((address) => address !== ''))
  const wrong = sets.flat().find((address) => isIP(address) === 0)
  if (name !== undefined && wrong === undefined) return { name, sets }
  const why = wrong === undefined ? 'a name, = and addresses' : `addresses, not '${wrong}'`
  throw new UsageError(`--dns takes ${why}: such as rebind.test=93.184.216.34/127.0.0.1`)
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function numberOf(name: string, text: string, max: number): number {
  const value = text === '' ? NaN : Number(text)
  if (value >= 0 && value <= max) return value
  throw new UsageError(`--${name} takes a number from 0 to ${max}, not '${text}'`)
}

function wholeOf(name: string, text: string, max: number): number {
  const value = numberOf(name, text, max)
  if (Number.isInteger(value)) return value
  throw new UsageError(`--${name} takes a whole number, not '${text}'`)
}
