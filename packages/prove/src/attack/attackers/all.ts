import type { Attacker } from './attacker.js'
import { callerAttackers } from './caller.js'
import { consentAttackers } from './consent.js'
import { grpcAttackers } from './grpc.js'
import { wireAttackers } from './wire.js'

export const attackers: readonly Attacker[] = [
  ...consentAttackers,
  ...callerAttackers,
  ...wireAttackers,
  ...grpcAttackers,
]
