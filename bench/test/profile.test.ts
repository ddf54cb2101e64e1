import { expect, test } from '@jest/globals'
import { topOf } from '../src/profile.js'

const node = (id: number, functionName: string, url = '', lineNumber = 0) => ({
  id,
  callFrame: { functionName, url, lineNumber },
})

test('a profile shows each function once, by the share of busy time spent in itself, the longest first', () => {
  const nodes = [
    node(1, '(idle)'),
    node(2, 'open', 'file:///app/node_modules/pg/lib/client.js', 9),
    node(3, 'open', 'file:///app/node_modules/pg/lib/client.js', 9), // called from elsewhere
    node(4, ''),
  ]
  const lines = topOf({ nodes, samples: [1, 2, 3, 4, 2], timeDeltas: [900, 10, 20, 25, 45] }, 5)
  expect(lines).toEqual([' 75.0 %  open  pg/lib/client.js:10', ' 25.0 %  (anonymous)'])
})
