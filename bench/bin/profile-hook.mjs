// Loaded into a service by NODE_OPTIONS: SIGUSR2 starts a CPU profile, the end of the process writes it to PROFILE_TO.
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'

const samplingMicroseconds = 500

process.once('SIGUSR2', () => {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: samplingMicroseconds })
  session.post('Profiler.start')
  process.once('exit', () => {
    session.post('Profiler.stop', (error, result) => {
      if (error === null) writeFileSync(process.env.PROFILE_TO, JSON.stringify(result.profile))
    })
  })
})
