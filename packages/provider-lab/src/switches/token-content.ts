import { jsonAnswer, oauthError, textAnswer, type Answer } from '../answer.js'
import type { JsonObject } from '../jose.js'
import type { Effect, SwitchFamily } from './points.js'
import { asHtml, deeplyNested, truncated, withBody, withPrototypeKeys } from './spoil.js'
import { numberOr, textOr } from './value.js'

const member =
  (name: string, value: unknown): Effect<'token.body'> =>
  (body) => ({ ...body, [name]: value })

const without =
  (name: string): Effect<'token.body'> =>
  (body) =>
    Object.fromEntries(Object.entries(body).filter(([key]) => key !== name))

const accessTokenWith =
  (spoil: (token: string) => string): Effect<'token.body'> =>
  (body) => ({ ...body, access_token: spoil(String(body['access_token'])) })

const recoded =
  (encode: (text: string) => string | Buffer, contentType = 'application/json'): Effect<'token.answer'> =>
  (answer) => ({ ...answer, body: encode(answer.body.toString()), headers: { 'content-type': contentType } })

// In every one of these the provider has processed the request, unless the line says otherwise.
export const tokenContentSwitches = {
  'tok.form_encoded': {
    does: 'the answer is a form, as GitHub sends by default',
    at: { 'token.answer': recoded(formOf, 'application/x-www-form-urlencoded') },
  },
  'tok.form_unless_json_accepted': {
    does: 'GitHub: the answer is a form unless Accept asks for JSON',
    at: {
      'token.answer': (answer, facts) =>
        facts.accept.includes('json') ? answer : recoded(formOf, 'application/x-www-form-urlencoded')(answer, facts),
    },
  },
  'tok.text_plain': {
    does: 'JSON labelled text/plain',
    at: { 'token.answer': recoded((text) => text, 'text/plain') },
  },
  'tok.200_error': {
    does: 'not processed: status 200 with an error body; value github (default) or slack',
    at: { 'token.arrival': (_answer, { value }) => okError(textOr(value, 'github')) },
  },
  'tok.error_echoes_token': {
    does: 'not processed: 400 invalid_grant whose text repeats what was sent',
    at: {
      'token.arrival': (_answer, { form }) =>
        oauthError(400, 'invalid_grant', `refused ${form['refresh_token'] ?? form['code']} ${form['client_secret']}`),
    },
  },
  'tok.not_json': { does: 'an HTML page with status 200', at: { 'token.answer': asHtml } },
  'tok.truncated_json': { does: 'JSON cut short, with a fitting length', at: { 'token.answer': truncated } },
  'tok.empty': { does: '200 with an empty body', at: { 'token.answer': withBody('') } },
  'tok.bom': { does: 'JSON behind a byte order mark', at: { 'token.answer': recoded((text) => `\uFEFF${text}`) } },
  'tok.utf16': {
    does: 'JSON in UTF-16',
    at: { 'token.answer': recoded((text) => Buffer.from(`\uFEFF${text}`, 'utf16le')) },
  },
  'tok.nan': {
    does: 'JSON with expires_in NaN',
    at: { 'token.answer': recoded((text) => text.replace(/"expires_in":\d+/, '"expires_in":NaN')) },
  },
  'tok.duplicate_keys': {
    does: 'access_token twice, the right one first',
    at: { 'token.answer': recoded((text) => text.replace(/}$/, ',"access_token":"second"}')) },
  },
  'tok.array': { does: 'a JSON array around the object', at: { 'token.answer': recoded((text) => `[${text}]`) } },
  'tok.deep_json': { does: '100,000 nested arrays', at: { 'token.answer': deeplyNested } },
  'tok.prototype_keys': {
    does: 'members named __proto__, constructor, prototype, toString',
    at: { 'token.body': withPrototypeKeys },
  },

  'tok.no_token_type': { does: 'no token_type', at: { 'token.body': without('token_type') } },
  'tok.type_bot': { does: 'token_type bot, as Slack sends', at: { 'token.body': member('token_type', 'bot') } },
  'tok.bEARER': { does: 'token_type in odd case', at: { 'token.body': member('token_type', 'bEARER') } },
  'tok.no_expires_in': { does: 'no expires_in', at: { 'token.body': without('expires_in') } },
  'tok.expires_in_string': { does: 'expires_in "3600"', at: { 'token.body': member('expires_in', '3600') } },
  'tok.expires_in_float': { does: 'expires_in 3600.5', at: { 'token.body': member('expires_in', 3600.5) } },
  'tok.expires_in_negative': { does: 'expires_in -1', at: { 'token.body': member('expires_in', -1) } },
  'tok.expires_in_zero': { does: 'expires_in 0', at: { 'token.body': member('expires_in', 0) } },
  'tok.expires_in_huge': { does: 'expires_in 1e308', at: { 'token.body': member('expires_in', 1e308) } },
  'tok.expires_in_null': { does: 'expires_in null', at: { 'token.body': member('expires_in', null) } },
  'tok.expires_in_array': { does: 'expires_in [3600]', at: { 'token.body': member('expires_in', [3600]) } },
  'tok.missing_access_token': { does: 'no access_token', at: { 'token.body': without('access_token') } },

  'tok.scope_narrower': {
    does: 'granted scope without its last entry',
    at: { 'token.body': (body) => ({ ...body, scope: scopeOf(body).slice(0, -1).join(' ') }) },
  },
  'tok.scope_wider': {
    does: 'granted scope plus value, default admin',
    at: {
      'token.body': (body, { value }) => ({ ...body, scope: [...scopeOf(body), textOr(value, 'admin')].join(' ') }),
    },
  },
  'tok.scope_array': { does: 'scope as an array', at: { 'token.body': (body) => ({ ...body, scope: scopeOf(body) }) } },
  'tok.scope_missing': { does: 'no scope', at: { 'token.body': without('scope') } },

  'tok.crlf_in_token': {
    does: 'access_token with CR LF and a header behind it',
    at: { 'token.body': accessTokenWith((token) => `${token}\r\nx-injected: 1`) },
  },
  'tok.nul_in_token': {
    does: 'access_token with a NUL',
    at: { 'token.body': accessTokenWith((token) => `${token}\u0000`) },
  },
  'tok.64kb_token': {
    does: 'access_token of 64 KiB; value in characters',
    at: {
      'token.body': (body, { value }) => ({
        ...body,
        access_token: String(body['access_token']).padEnd(numberOr(value, 65_536), 'x'),
      }),
    },
  },
  'tok.non_ascii_token': {
    does: 'access_token with é and an emoji',
    at: { 'token.body': accessTokenWith((token) => `${token}é🙂`) },
  },
} satisfies SwitchFamily

function formOf(text: string): string {
  const parsed: unknown = JSON.parse(text)
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(typeof parsed === 'object' && parsed !== null ? parsed : {})) {
    form.set(name, String(value))
  }
  return form.toString()
}

function okError(flavour: string): Answer {
  if (flavour === 'slack') return jsonAnswer(200, { ok: false, error: 'invalid_code' })
  return textAnswer(
    200,
    'application/json',
    JSON.stringify({ error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' }),
  )
}

const scopeOf = (body: JsonObject): string[] => String(body['scope']).split(' ')
