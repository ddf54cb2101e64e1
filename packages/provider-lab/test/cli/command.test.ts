import { describe, expect, test } from '@jest/globals'
import { Resolver } from 'node:dns/promises'
import { existsSync, readFileSync } from 'node:fs'
import { get } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { presets, catalogue, switchFamilies } from '../../src/index.js'
import { runCommand } from './command.js'

// The built command (npx tsc -b) as a process: what a stranger sees.

const anyPorts = ['--port', '0', '--control-port', '0']

test('start prints all a client needs, serves it, tells of each request, and ends on Ctrl-C', async () => {
  const lab = runCommand([...anyPorts, '--preset', 'okta', '--switch', 'tok.429=7', '--client-id', 'mine'])
  const [, issuer = ''] = await lab.prints(/provider +(\S+)/)
  const [, discovery = ''] = await lab.prints(/discovery +(\S+)/)
  const [, control = ''] = await lab.prints(/control API +(\S+)/)
  await lab.prints(/client_id +mine\nclient_secret +secret_\w+/)
  expect(await (await fetch(discovery)).json()).toMatchObject({ issuer })
  expect((await fetch(`${issuer}/token`, { method: 'POST' })).headers.get('retry-after')).toBe('7')
  await lab.prints(/token +POST \/t\/p1\/token 429 {2}tok\.429/)
  expect(await (await fetch(`${control}/t/p1`)).json()).toMatchObject({ issuer, switches: { 'tok.429': { value: 7 } } })
  lab.signal('SIGINT')
  expect(await lab.ended).toEqual({ code: 0, signal: null })
  await expect(fetch(discovery)).rejects.toThrow()
})

test.each([
  ['of a client that uses Basic', []],
  ['of one whose secret is in the body', ['--preset', 'box']],
  ['of a public one', ['--preset', 'mcp']],
])('the curl lines it prints work as they stand: %s', async (_client, preset) => {
  const lab = runCommand([...anyPorts, '--quiet', ...preset])
  await lab.prints(/Requests:/)
  const lines = lab.printed().match(/^ {2}(curl|TOKEN=).*$/gm) ?? []
  const shell = runCommand([lines.join('\n')], ['sh', '-c'])
  await shell.ended
  expect(lines).toHaveLength(5)
  expect(shell.printed()).toMatch(/location: http:\/\/localhost\/cb\?code=code_/i)
  expect(shell.printed()).toContain('HTTP/1.1 200 OK')
  expect(shell.printed()).toContain('"endpoint":"token"')
  lab.signal('SIGTERM')
  expect((await lab.ended).code).toBe(0)
})

test('--tls serves HTTPS, says where its authority is, and takes it away at the end', async () => {
  const lab = runCommand([...anyPorts, '--tls'])
  const [, discovery = ''] = await lab.prints(/discovery +(https:\S+)/)
  const [, caPath = ''] = await lab.prints(/CA certificate (\S+)/)
  const status = await new Promise((resolve, reject) => {
    get(discovery, { ca: readFileSync(caPath), agent: false }, (response) => resolve(response.statusCode)).on(
      'error',
      reject,
    )
  })
  expect(status).toBe(200)
  lab.signal('SIGINT')
  expect((await lab.ended).code).toBe(0)
  expect(existsSync(caPath)).toBe(false)
})

test('--hostile turns every fault class on with the probability given', async () => {
  const lab = runCommand([...anyPorts, '--hostile', '0.05', '--seed', '7'])
  const [, control = ''] = await lab.prints(/control API +(\S+)/)
  const { switches } = (await (await fetch(`${control}/t/p1`)).json()) as { switches: Record<string, { p: number }> }
  expect(Object.keys(switches).length).toBeGreaterThan(100)
  const api = Object.entries(switches).filter(([name]) => name in switchFamilies['resource server'])
  expect(api.reduce((honest, [, { p }]) => honest * (1 - p), 1)).toBeCloseTo(0.95)
  lab.signal('SIGINT')
  await lab.ended
})

test('a port that is taken is said in one line', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as AddressInfo
  const lab = runCommand(['--port', String(port), '--control-port', '0'])
  expect((await lab.ended).code).toBe(1)
  expect(lab.printed()).toBe(
    `dromos-lab: port ${port} on 127.0.0.1 is taken by another program: choose another with --port, --control-port or --dns-port, or 0 for any\n`,
  )
  other.close()
})

describe('a wrong command line is answered with what would be right', () => {
  test.each([
    [['--preset', 'oktopus'], 'choose one of google'],
    [['--switch', 'tok.nope'], 'dromos-lab switches lists them'],
    [['--port', '99999'], '--port takes a number from 0 to 65535'],
    [['--hostile', 'much'], '--hostile takes a number from 0 to 1'],
    [['--dns', 'rebind.test=localhost'], "--dns takes addresses, not 'localhost'"],
    [['--dns', 'rebind.test'], '--dns takes a name, = and addresses'],
    [['--colour'], "Unknown option '--colour'"],
    [['begin'], "there is no command 'begin'"],
  ])('%j', async (args, says) => {
    const lab = runCommand(args)
    expect((await lab.ended).code).toBe(2)
    expect(lab.printed()).toContain(says)
    expect(lab.printed()).toContain('dromos-lab --help')
  })
})

test('--dns answers a name with its sets in turn, and ends with the command', async () => {
  const sets = 'rebind.test=93.184.216.34/127.0.0.1,127.0.0.2'
  const lab = runCommand([...anyPorts, '--dns', sets, '--dns', 'void.test=', '--dns-port', '0'])
  const [, port = ''] = await lab.prints(/DNS +127\.0\.0\.1 port (\d+), UDP/)
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  resolver.setServers([`127.0.0.1:${port}`])
  expect(await resolver.resolve4('rebind.test')).toEqual(['93.184.216.34'])
  expect(await resolver.resolve4('rebind.test')).toEqual(['127.0.0.1', '127.0.0.2'])
  await expect(resolver.resolve4('void.test')).rejects.toMatchObject({ code: 'ENODATA' })
  lab.signal('SIGTERM')
  expect((await lab.ended).code).toBe(0)
})

test('the lists have every switch and every preset', async () => {
  const [switches, list, presetTable, help] = ['switches', 'switches --json', 'presets', '--help'].map((line) =>
    runCommand(line.split(' ')),
  )
  for (const each of [switches, list, presetTable, help]) await each?.ended
  const names = Object.keys(catalogue)
  expect(names.filter((name) => !switches?.printed().includes(`  ${name} `))).toEqual([])
  const listed = JSON.parse(list?.printed() ?? '[]') as Array<{ name: string }>
  expect(new Set(listed.map(({ name }) => name))).toEqual(new Set(names))
  expect(Object.keys(presets).filter((name) => !presetTable?.printed().includes(`  ${name} `))).toEqual([])
  expect(help?.printed()).toMatch(/^Usage: dromos-lab/)
})
