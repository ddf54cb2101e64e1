import { randomBytes } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../problem.js'

/** Made once and kept: without `encryptionKey` the stored connections could not be read again. Keys are base64 of 32 bytes. */
export type StackSecrets = { encryptionKey: string; stateKey: string; demoClientSecret: string }

/** API keys of a developer's own agent and operator, and of the gateway; created through the admin command. */
export type DeveloperKeys = { agent: string; admin: string; gateway: string }

/** `dev.json`: what a program on this machine needs to use the running stack. Exists only while it runs. */
export type DevFile = {
  broker: { url: string }
  gateway: { url: string; grpc: string }
  provider: { name: string; issuer: string; clientId: string }
  apiKey: string
  adminKey: string
  databaseUrl: string
  pid: number
}

/** Everything the stack writes lives in one directory; files with secrets have mode 0600. */
export class StackFiles {
  constructor(
    readonly directory: string,
    readonly logs: string = join(directory, 'logs'),
  ) {
    try {
      mkdirSync(directory, { recursive: true })
      mkdirSync(logs, { recursive: true })
      accessSync(directory, constants.W_OK)
      accessSync(logs, constants.W_OK)
    } catch (cause) {
      const sentence = `${directory} cannot be written by this user (did root start the stack before?)`
      throw new Problem(`${sentence}: remove it or run as its owner`, { cause })
    }
  }

  get postgres(): string {
    return join(this.directory, 'postgres')
  }
  get identityProvider(): string {
    return join(this.directory, 'identity-provider')
  }

  secrets(): StackSecrets {
    const held = this.#read('secrets.json')
    if (held !== undefined) return parseTexts(held, ['encryptionKey', 'stateKey', 'demoClientSecret'])
    const made: StackSecrets = {
      encryptionKey: randomBytes(32).toString('base64'),
      stateKey: randomBytes(32).toString('base64'),
      demoClientSecret: randomBytes(32).toString('base64url'),
    }
    this.#write('secrets.json', made)
    return made
  }

  developerKeys(): DeveloperKeys | undefined {
    const held = this.#read('keys.json')
    return held === undefined ? undefined : parseTexts(held, ['agent', 'admin', 'gateway'])
  }

  saveDeveloperKeys(keys: DeveloperKeys): void {
    this.#write('keys.json', keys)
  }

  devFile(): DevFile | undefined {
    return this.#read('dev.json') as DevFile | undefined
  }

  saveDevFile(file: DevFile): void {
    this.#write('dev.json', file)
  }

  /** What describes a running stack goes when it stops. */
  removeRunningFiles(): void {
    for (const name of ['dev.json', 'broker-environment.json']) rmSync(join(this.directory, name), { force: true })
  }

  /** Read by `npm run admin`, whose process starts without knowing any of it. */
  saveBrokerEnvironment(environment: Record<string, string>): void {
    this.#write('broker-environment.json', environment)
  }

  #read(name: string): unknown {
    const path = join(this.directory, name)
    if (!existsSync(path)) return undefined
    try {
      return JSON.parse(readFileSync(path, 'utf8'))
    } catch (cause) {
      throw new Problem(`${path} is not readable: restore it, or remove ${this.directory} to start anew`, { cause })
    }
  }

  #write(name: string, value: unknown): void {
    const path = join(this.directory, name)
    writeFileSync(`${path}.new`, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
}

function parseTexts<Name extends string>(value: unknown, names: readonly Name[]): Record<Name, string> {
  const record = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const missing = names.filter((name) => typeof record[name] !== 'string')
  if (missing.length > 0)
    throw new Problem(`a file of the local stack lacks ${missing.join(', ')}: remove .dromos to start anew`)
  return record as Record<Name, string>
}
