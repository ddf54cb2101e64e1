import { describe, expect, test } from '@jest/globals'
import { posix } from 'node:path'
import { argumentsOf } from '../../src/stack/services.js'
import { parseDockerfile, textsOf, type Stage } from './dockerfile.js'
import { listFiles, readManifest, readText } from './repository-files.js'

const nothing: Stage = { name: '', base: '', instructions: [] }

describe.each(['broker', 'gateway'])('the image of the %s', (service) => {
  const text = readText(`services/${service}/Dockerfile`)
  const { stages } = parseDockerfile(text)
  const runtime = stages.at(-1) ?? nothing
  const copied = textsOf(runtime, 'COPY').map((each) => each.split(' ').at(-1))

  test('is built on one base of an exact version', () => {
    expect(new Set(stages.map((stage) => stage.base))).toEqual(new Set(['node:22.23.3-bookworm-slim']))
  })

  test('takes nothing from the network but packages of the lockfile, and runs no script of theirs', () => {
    const commands = stages.flatMap((stage) => textsOf(stage, 'RUN'))
    expect(stages.flatMap((stage) => textsOf(stage, 'ADD'))).toEqual([])
    expect(
      commands.filter((each) => /curl|wget|apt|npm (install|i) |npx/.test(each) && !each.startsWith('rm ')),
    ).toEqual([])
    const installs = commands.filter((each) => each.startsWith('npm '))
    expect(installs.length).toBe(2)
    for (const install of installs) expect(install).toMatch(/^npm ci .*--ignore-scripts/)
  })

  test('holds the packages this service needs at run time and no others', () => {
    const production = stages.find((stage) => stage.name === 'production') ?? nothing
    expect(textsOf(production, 'RUN')).toEqual([
      `npm ci --omit=dev --omit=optional --ignore-scripts --workspace services/${service}`,
    ])
    const own = closureOf(`services/${service}`)
    const built = copied.filter((each) => each?.endsWith('/dist'))
    expect(built).toEqual([...own].sort().map((folder) => `${folder}/dist`))
  })

  test('holds the files that the code looks for by their place in the repository', () => {
    // The broker imports packages/contract too, but not the part of it that reads the protos.
    const folders = service === 'gateway' ? ['services/gateway/src', 'packages/contract/src'] : ['services/broker/src']
    const sought = folders.flatMap((folder) => listFiles(folder, '.ts')).flatMap(placesIn)
    expect(sought.length).toBeGreaterThan(0)
    for (const place of sought) expect(copied).toContain(place)
  })

  test('runs node itself, as an account without rights, on files that account cannot change', () => {
    const names = runtime.instructions.map((each) => each.name)
    expect(textsOf(runtime, 'USER')).toEqual(['1000:1000'])
    expect(names.slice(names.indexOf('USER'))).not.toContain('COPY')
    expect(text).not.toMatch(/--chown|--chmod|chown|chmod/)
    const command = ['node', ...argumentsOf(`services/${service}/dist/bundle.js`)]
    expect(textsOf(runtime, 'CMD').map((text) => JSON.parse(text) as unknown)).toEqual([command])
    expect(readText(`services/${service}/src/main.ts`)).toContain('runService(')
  })

  test('asks only the process whether it lives', () => {
    const [check = ''] = textsOf(runtime, 'HEALTHCHECK')
    const [command, option, program] = JSON.parse(check.slice(check.indexOf('CMD ') + 4)) as string[]
    expect([command, option]).toEqual(['node', '-e'])
    expect(program).toContain("'/healthz'")
  })

  test('is told no secret while it is built', () => {
    const told = stages.flatMap((stage) => [...textsOf(stage, 'ENV'), ...textsOf(stage, 'ARG')])
    expect(told).toEqual(['NODE_ENV=production'])
  })
})

test('the build context holds what is named and nothing else', () => {
  const rules = readText('.dockerignore').split('\n').filter((line) => line !== '' && !line.startsWith('#')) // prettier-ignore
  expect(rules[0]).toBe('*')
  expect(rules).toEqual(expect.arrayContaining(['**/.env*', '**/node_modules', '**/dist', '**/test']))
  expect(rules.filter((rule) => rule.startsWith('!') && /env|git|\*/.test(rule))).toEqual([])
})

/** Our own packages that a workspace imports, directly or through another, and the workspace itself. */
function closureOf(folder: string): Set<string> {
  const own = Object.keys(readManifest(folder).dependencies ?? {}).filter((name) => name.startsWith('@dromos/'))
  const below = own.flatMap((name) => [...closureOf(name.replace('@dromos/', 'packages/'))])
  return new Set([folder, ...below])
}

/** Folders named by `new URL('../…', import.meta.url)`, as seen from the compiled file. */
function placesIn(file: string): string[] {
  const compiled = posix.dirname(file.replace('/src/', '/dist/'))
  const urls = readText(file).matchAll(/new URL\('(\.\.?\/[^']+)', import\.meta\.url\)/g)
  return [...urls].map(([, path = '']) => posix.join(compiled, path).replace(/\/$/, ''))
}
