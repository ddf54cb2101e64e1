import { prepare } from '../../packages/local/bin/prepare.mjs'

const usage = `Usage: npm run profile -- broker|gateway [scenario of npm run bench] [its options]

Shows where the CPU of one service goes under the load of a scenario: the functions on top by the time spent in themselves, and
the whole profile in .dromos/profile-<service>.cpuprofile, which the developer tools of a browser open.

  npm run profile -- broker        while tokens are read (P1)
  npm run profile -- gateway P2    while tokens are read over gRPC
  npm run profile -- broker P3     while consents are started

The load is the bench's; its numbers beside a profile mean nothing.`

const [service, scenario = 'P1', ...options] = process.argv.slice(2)
if (service !== 'broker' && service !== 'gateway') {
  console.log(usage)
  process.exitCode = service === undefined || service === '--help' ? 0 : 2
} else {
  await prepare()
  const { runProfile } = await import('../dist/profile.js')
  process.exitCode = await runProfile(
    service,
    [scenario, '--seconds', '5', '--rounds', '1', '--json', '/dev/null', ...options],
    process.env,
  )
}
