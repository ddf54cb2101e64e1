import { fileURLToPath } from 'node:url'
import { loadSync, type PackageDefinition } from '@grpc/proto-loader'

const protoDirectory = fileURLToPath(new URL('../../../proto/', import.meta.url))

/** Both generations of the service share one shape: `oha.v1.OHAService` (2025) and `nexus.v1.NexusService` (2026). */
export const protoFiles = ['oha/v1/oha.proto', 'nexus/v1/nexus.proto'] as const

/** Loads the public protos from /proto. `oneofs` is on because `google.protobuf.Value` is told apart by `kind`. */
export function loadProtos(): PackageDefinition {
  return loadSync([...protoFiles], {
    includeDirs: [protoDirectory],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  })
}
