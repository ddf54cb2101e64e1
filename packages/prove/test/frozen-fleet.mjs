// Starts one broker, freezes it and waits: orphans.test.ts kills this process meanwhile.
import { startFleet } from '../dist/fleet.js'

const [databaseUrl, encryptionKey, logDirectory, port] = process.argv.slice(2)
const fleet = await startFleet({ ports: [Number(port)], databaseUrl, encryptionKey, logDirectory, settings: {} })
fleet.freeze(0)
process.stdout.write('frozen\n')
setInterval(() => {}, 60_000)
