import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { readText, root, sourceText } from './doc-page.js'
import { readdirSync } from 'node:fs'

// What we are made of: packages, cryptography, and what of it goes into an image.

type Locked = { version?: string; integrity?: string; resolved?: string; link?: boolean; dev?: boolean; hasInstallScript?: boolean; optional?: boolean; devOptional?: boolean } // prettier-ignore
const packages = (JSON.parse(readText('package-lock.json')) as { packages: Record<string, Locked> }).packages
const foreign = Object.entries(packages).filter(([path, entry]) => path.includes('node_modules/') && !entry.link)

test('every package is locked, from the registry, with its hash; those that run scripts are named (A85)', () => {
  expect(foreign.filter(([, entry]) => !entry.integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([])
  expect(foreign.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([])
  const named = (JSON.parse(readText('package.json')) as { allowScripts: Record<string, boolean> }).allowScripts
  const scripted = foreign
    .filter(([, entry]) => entry.hasInstallScript)
    .map(([path]) => path.split('node_modules/').at(-1))
  expect(scripted.filter((name) => !(String(name) in named))).toEqual([])
})

test('what we depend on is pinned exactly, in every manifest (A85)', () => {
  const manifests = ['.', ...['packages', 'services'].flatMap((top) => readdirSync(join(root, top)).map((name) => join(top, name)))]
  const loose = manifests.flatMap((folder) => {
    const { dependencies, devDependencies } = JSON.parse(readText(join(folder, 'package.json'))) as Record<string, Record<string, string> | undefined>
    return Object.entries({ ...dependencies, ...devDependencies })
      .filter(([name, version]) => !(/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version) || (name.startsWith('@dromos/') && version === '*')))
      .map(([name, version]) => `${folder}: ${name} ${version}`)
  })
  expect(loose).toEqual([])
}) // prettier-ignore

test('the services run on few packages: whoever adds one raises the number here and says why (A85)', () => {
  const direct = ['services/broker', 'services/gateway', 'packages/contract', 'packages/runtime'].flatMap((folder) =>
    Object.keys((JSON.parse(readText(join(folder, 'package.json'))) as { dependencies?: object }).dependencies ?? {}),
  )
  const ours = new Set(direct.filter((name) => !name.startsWith('@dromos/')))
  expect(ours.size).toBeLessThanOrEqual(22)
})

// Where cryptography is used, and what for: docs/security.md says it in words (ASVS 11.1.2).
const inventory: Readonly<Record<string, readonly string[]>> = {
  createHash: ['domain/api-key', 'domain/audit-segment', 'domain/completion', 'flows/open-consent', 'flows/plan-refresh', 'flows/prepare-authorization', 'http/browser-binding',
    'http/idempotent', 'http/pages/style-sheet', 'oauth/dpop', 'oauth/id-token-claims', 'postgres/idempotency-store', 'postgres/liveness', 'postgres/migrator', 'vault/key-ring'],
  createHmac: ['domain/signed-state', 'http/csrf-token', 'vault/vault', 'gateway'],
  createCipheriv: ['vault/vault'],
  createDecipheriv: ['vault/vault', 'vault/legacy-blob'],
} // prettier-ignore

test('cryptography is used in the files listed and nowhere else', () => {
  const files = readdirSync(join(root, 'services/broker/src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')) // prettier-ignore
  const strays = files.flatMap((name) => {
    const text = readText(join('services/broker/src', name))
    return Object.entries(inventory)
      .filter(([call, places]) => new RegExp(`\\b${call}\\(`).test(text) && !places.includes(name.replace('.ts', '')))
      .map(([call]) => `${name}: ${call}`)
  })
  expect(strays).toEqual([])
  const all = ['services/broker/src', 'services/gateway/src', 'packages/runtime/src'].map(sourceText).join('\n')
  const algorithms = [...all.matchAll(/create(?:Hash|Hmac|Cipheriv|Decipheriv)\(\s*['"]([^'"]+)/g)].map(
    ([, name]) => name,
  )
  expect([...new Set(algorithms)].sort()).toEqual(['aes-256-gcm', 'sha256'])
  expect(/createSign\(|createVerify\(|publicEncrypt|privateDecrypt/.exec(all)).toBeNull()
})

test('the images run no debugger, serve no source map and offer no route for debugging (A86)', () => {
  for (const service of ['broker', 'gateway']) {
    const text = readText(`services/${service}/Dockerfile`)
    expect(text).toMatch(/find packages\/\*\/dist services\/\*\/dist -type f ! -name '\*\.js' -delete/)
    expect(text).not.toMatch(/--inspect|NODE_OPTIONS|--enable-source-maps|COPY \. /)
    expect(text).toMatch(/ENV NODE_ENV=production/)
  }
  const routes = [...readText('openapi.yaml').matchAll(/^ {2}(\/\S+):$/gm)].map(([, path]) => path)
  expect(routes.length).toBeGreaterThan(15)
  expect(routes.filter((path) => /debug|heap|profile|trace|env|stack|config/i.test(path ?? ''))).toEqual([])
})

test('nothing of ours copies members with Object.assign, which would set a prototype: lint refuses it (A52)', () => {
  const sources = ['services/broker/src', 'services/gateway/src', 'packages/runtime/src', 'packages/contract/src']
  expect(sources.filter((folder) => sourceText(folder).includes('Object.assign('))).toEqual([])
  expect(readText('eslint.config.js')).toMatch(/no-restricted-syntax[^]*property\.name='assign'/)
})
