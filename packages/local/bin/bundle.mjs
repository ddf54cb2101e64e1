import { bundleService, services } from '../bundle/bundle-services.mjs'

// node packages/local/bin/bundle.mjs [broker] [gateway]: after `tsc -b`. Both when none is named.

const named = process.argv.slice(2)
const unknown = named.filter((name) => !services.includes(name))
if (unknown.length > 0) {
  console.error(`There is no service ${unknown.join(', ')}; there are ${services.join(' and ')}.`)
  process.exit(64)
}
for (const service of named.length > 0 ? named : services) await bundleService(service)
