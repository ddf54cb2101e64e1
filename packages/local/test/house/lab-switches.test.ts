import { catalogue, type LabProvider } from 'dromos-lab'
import { expect, test } from '@jest/globals'
import { readText } from './doc-page.js'

// Holds docs/lab-switches.json against the lab and the tests: every misbehaviour of a provider, what the broker makes of it,
// and the test that says so.

type Row = {
  row: string
  outcome: string
  /** Switches of the lab, or `act:` and a verb of its providers. */
  by: string[]
  /** `file: title`, below services/broker/test. */
  tests?: string[]
  /** The same below packages/provider-lab/test, for what the broker has no part in. */
  labTests?: string[]
}

// The rows of the specification: the first name of each.
const specified =
  `disc.issuer_suffix disc.issuer_trailing_slash disc.404 disc.redirect disc.private_ip_endpoints disc.no_pkce_methods
  disc.endpoint_swap_after_start disc.huge prm.resource_mismatch prm.no_authorization_servers authz.no_iss_though_promised
  authz.wrong_iss authz.iss_unadvertised_correct authz.no_state authz.error authz.error_wrong_iss authz.error_description_evil
  authz.double_callback authz.late_callback authz.other_browser authz.code_from_other_client authz.fragment_or_form_post
  tok.redirect_307 tok.hang_connect tok.reset_before_body tok.reset_after_rotate tok.429 tok.5xx tok.tls_bad tok.form_encoded
  tok.200_error tok.not_json tok.no_token_type tok.no_expires_in tok.no_refresh_token tok.same_refresh_token tok.missing_access_token
  tok.scope_narrower tok.crlf_in_token tok.token_type_dpop_downgrade ca.basic_only ca.mtls_only ca.invalid_client rt.rotate_strict
  rt.rotate_grace rt.family_revoke_on_reuse rt.kills_old_at rt.revoked_by_user rt.expired_idle rt.403_invalid_grant
  rt.rate_10_per_10min rt.scope_required idt.iss+1 idt.alg_none idt.bad_sig idt.kid_absent_single jwks.rotate_now jwks.flood
  idt.missing_though_openid refresh_idt.iss+1 refresh_idt.absent ui.sub_mismatch rev.200_unknown rev.503_retry_after rev.400 rev.hang
  cimd.unsupported rs.401_invalid_token rs.403_insufficient_scope rs.dpop_nonce`.split(/\s+/)

// What a browser or an operator does is no switch of a provider.
const acts: readonly (keyof LabProvider)[] = ['approve', 'rotateKeys', 'clientId']

const { rows } = JSON.parse(readText('docs/lab-switches.json')) as { rows: Row[] }
const broker = 'services/broker/test/'
const lab = 'packages/provider-lab/test/'

const namedTests = ({ tests = [], labTests = [] }: Row): Array<{ file: string; title: string }> =>
  [...tests.map((each) => broker + each), ...labTests.map((each) => lab + each)].map((each) => {
    const [file = '', ...title] = each.split(': ')
    return { file, title: title.join(': ') }
  })

test('every row of the specification is there, with an outcome and a test', () => {
  expect(rows.map(({ row }) => row.split(/[ ,]/)[0]).sort()).toEqual([...specified].sort())
  const bare = rows.filter((row) => row.outcome === '' || row.by.length === 0 || namedTests(row).length === 0)
  expect(bare.map(({ row }) => row)).toEqual([])
})

test('every switch and act that is named exists', () => {
  const known = new Set([...Object.keys(catalogue), ...acts.map((act) => `act:${act}`)])
  expect(rows.flatMap(({ by }) => by).filter((name) => !known.has(name))).toEqual([])
})

test('every test that is named is in its file', () => {
  const isThere = ({ file, title }: { file: string; title: string }): boolean =>
    ["'", '"', '`'].some((quote) => readText(file).includes(`${quote}${title}${quote}`))
  const dead = rows.flatMap((row) => namedTests(row).filter((each) => !isThere(each)))
  expect(dead).toEqual([])
})

test('each switch is met in a file of its row, or lab-switches.test.ts says where else and why', () => {
  const reasons = readText(`${broker}attacks/lab-switches.test.ts`)
  const strays = rows.flatMap((row) => {
    const text = [reasons, ...namedTests(row).map(({ file }) => readText(file))].join('\n')
    return row.by.filter((name) => !name.startsWith('act:') && !text.includes(`'${name}'`))
  })
  expect(strays).toEqual([])
})

test('docs/security.md says why the broker does not answer a row', () => {
  const page = readText('docs/security.md')
  const silent = rows.filter(({ tests }) => tests === undefined).flatMap(({ by }) => by)
  expect(silent.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})
