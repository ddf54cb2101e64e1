import type { SealContext } from '../flows/ports/vault.js'

// Owns the list of everything that is stored sealed, and what each ciphertext is bound to. Whoever adds a sealed column adds
// it here, or a key rotation leaves it behind: a test compares this list with the schema.

type KeyColumn = { name: string; type: 'text' | 'uuid' | 'bigint' | 'hex' }

export type SealedSource = {
  name: string
  table: string
  column: string
  /** The primary key, in the order of its index. */
  key: readonly KeyColumn[]
  field: SealContext['field']
  /** SQL of the rest of the context (vault), over a row named `t`. */
  tenant: string
  record: string
  version: string
}

const tenant: KeyColumn = { name: 'tenant_id', type: 'text' }
const textId: KeyColumn = { name: 'id', type: 'text' }
const ofTenant = { tenant: 't.tenant_id', record: 't.id', version: '0' }

export const sealedSources: readonly SealedSource[] = [
  {
    name: 'connections',
    table: 'connections',
    column: 'sealed_credentials',
    key: [tenant, textId],
    field: 'credentials',
    ...ofTenant,
    version: 't.version',
  },
  {
    name: 'orphans',
    table: 'credential_orphans',
    column: 'sealed_credentials',
    key: [tenant, { name: 'connection_id', type: 'text' }, { name: 'fence', type: 'bigint' }],
    field: 'orphan',
    tenant: 't.tenant_id',
    record: 't.connection_id',
    version: 't.fence',
  },
  {
    name: 'captured grants',
    table: 'authorization_requests',
    column: 'sealed_captured',
    key: [tenant, textId],
    field: 'captured',
    ...ofTenant,
  },
  {
    name: 'flow secrets',
    table: 'authorization_requests',
    column: 'sealed_secrets',
    key: [tenant, textId],
    field: 'flow_secrets',
    ...ofTenant,
  },
  {
    name: 'client secrets',
    table: 'provider_profiles',
    column: 'sealed_secrets',
    key: [{ name: 'id', type: 'uuid' }],
    field: 'client_secrets',
    tenant: `'installation'`,
    record: 't.id::text',
    version: 't.version',
  },
  {
    name: 'idempotent answers',
    table: 'idempotency_keys',
    column: 'sealed_answer',
    key: [tenant, textIdOf('client_id'), { name: 'key_digest', type: 'hex' }],
    field: 'idempotent_answer',
    tenant: 't.tenant_id',
    record: `t.client_id || '/' || encode(t.key_digest, 'hex')`,
    version: '0',
  },
  {
    name: 'audit segments',
    table: 'audit_segments',
    column: 'sealed_segment',
    key: [{ name: 'id', type: 'bigint' }],
    field: 'audit_segment',
    tenant: `'installation'`,
    record: 't.id::text',
    version: '0',
  },
]

function textIdOf(name: string): KeyColumn {
  return { name, type: 'text' }
}

/** SQL that reads a key column as text. */
export const keyAsText = ({ name, type }: KeyColumn): string =>
  type === 'hex' ? `encode(t.${name}, 'hex')` : `t.${name}::text`

/** SQL of a key column's value from SQL of its text. */
export const keyFromText = ({ type }: KeyColumn, text: string): string =>
  type === 'hex' ? `decode(${text}, 'hex')` : `(${text})::${type}`
