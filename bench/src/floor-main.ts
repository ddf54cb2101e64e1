import { offer } from '@dromos/prove'
import { serveBroker } from './floor/broker.js'
import { serveGateway } from './floor/gateway.js'
import { serveInsert } from './floor/insert.js'

// Owns one server of a floor as a process of its own. Each answers its port.

const functions = {
  broker: serveBroker,
  gateway: serveGateway,
  insert: serveInsert,
}

export type FloorFunctions = typeof functions

offer(process, functions)
