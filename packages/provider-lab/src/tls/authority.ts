import { generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { addressBytes } from '../address-bytes.js'
import { bits, bool, integer, octets, oid, sequence, set, tagged, utcTime, utf8 } from './der.js'

/** PEM texts, as `https.createServer` takes them. */
export type Certified = { key: string; cert: string }

export type CertificateWish = {
  /** Host names and IP addresses, for subjectAltName. */
  names: readonly string[]
  /** From ten days ago until so many days from now, default 30; negative: expired. */
  validForDays?: number
}

export type TestAuthority = {
  /** The certificate a client has to trust. */
  cert: string
  issue(wish: CertificateWish): Certified
}

type Body = { subject: string; issuer: string; publicKey: KeyObject; validForDays: number; extensions: Buffer[] }

const dayMs = 86_400_000
const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'))

/** A certificate authority of this moment: its key is never written anywhere. */
export function createTestAuthority(): TestAuthority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = 'provider lab test authority'
  // RFC 5280 section 4.2.1.3: keyCertSign is bit 5, cRLSign bit 6.
  const extensions = [basicConstraints('authority'), extension('2.5.29.15', bits(Buffer.of(0x06), 1), 'critical')]
  const own: Body = { subject: issuer, issuer, publicKey, validForDays: 30, extensions }
  return {
    cert: certificate(own, privateKey),
    issue: ({ names, validForDays = 30 }) => {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const body = { ...leaf(names, pair.publicKey, validForDays), issuer }
      return { key: pemOf(pair.privateKey), cert: certificate(body, privateKey) }
    },
  }
}

/** A certificate that vouches for itself. */
export function selfSigned({ names, validForDays = 30 }: CertificateWish): Certified {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const body = leaf(names, publicKey, validForDays)
  return { key: pemOf(privateKey), cert: certificate({ ...body, issuer: body.subject }, privateKey) }
}

function leaf(names: readonly string[], publicKey: KeyObject, validForDays: number): Omit<Body, 'issuer'> {
  const extensions = [basicConstraints('leaf'), extension('2.5.29.17', sequence(...names.map(generalName)))]
  return { subject: names[0] ?? 'nobody', publicKey, validForDays, extensions }
}

/** RFC 5280 section 4.1, as PEM. */
function certificate({ subject, issuer, publicKey, validForDays, extensions }: Body, signingKey: KeyObject): string {
  const nowMs = Date.now()
  const validity = sequence(utcTime(new Date(nowMs - 10 * dayMs)), utcTime(new Date(nowMs + validForDays * dayMs)))
  const serial = randomBytes(8)
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0)
  const body = sequence(
    tagged(0, 'constructed', integer(Buffer.of(2))), // version 3
    integer(serial),
    ecdsaWithSha256,
    commonName(issuer),
    validity,
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, 'constructed', sequence(...extensions)),
  )
  const signature = sign('sha256', body, signingKey)
  return new X509Certificate(sequence(body, ecdsaWithSha256, bits(signature))).toString()
}

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()

const commonName = (text: string): Buffer => sequence(set(sequence(oid('2.5.4.3'), utf8(text))))

const extension = (id: string, value: Buffer, critical?: 'critical'): Buffer =>
  sequence(oid(id), ...(critical ? [bool('true')] : []), octets(value))

const basicConstraints = (kind: 'authority' | 'leaf'): Buffer =>
  extension('2.5.29.19', sequence(...(kind === 'authority' ? [bool('true')] : [])), 'critical')

// RFC 5280 section 4.2.1.6: dNSName is [2], iPAddress is [7] as its bytes.
function generalName(name: string): Buffer {
  if (isIP(name) === 0) return tagged(2, 'primitive', Buffer.from(name))
  return tagged(7, 'primitive', addressBytes(name))
}
