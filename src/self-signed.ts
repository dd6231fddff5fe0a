// A self-signed certificate (X.509 v3, P-256) for `--https` without `--cert`: the few DER structures it takes.

import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto'
import { isIPv4 } from 'node:net'
import type { Certificate } from './listen.ts'

/** As long as clients take the certificate of a server (Apple's limit). */
const VALID_DAYS = 398
const DAY_MS = 86_400_000

const SEQUENCE = 0x30
const SET = 0x31
const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const BOOLEAN = 0x01
const OBJECT_ID = 0x06
const UTF8_STRING = 0x0c
const UTC_TIME = 0x17

const oid = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
} as const

/** A certificate for these names and addresses, and its key; both PEM. */
export function selfSigned(names: readonly string[], addresses: readonly string[]): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const now = Date.now()
  const algorithm = der(SEQUENCE, id(oid.ecdsaWithSha256))
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, id(oid.commonName), der(UTF8_STRING, Buffer.from('openwhisk-standalone')))),
  )
  const body = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    name,
    der(SEQUENCE, utcTime(now - DAY_MS), utcTime(now + VALID_DAYS * DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, alternativeNames(names, addresses), authority())),
  )
  const signature = createSign('sha256').update(body).sign(privateKey)
  const certificate = der(SEQUENCE, body, algorithm, der(BIT_STRING, Buffer.from([0]), signature))
  return {
    cert: pem('CERTIFICATE', certificate),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function alternativeNames(names: readonly string[], addresses: readonly string[]): Buffer {
  const entries = [
    ...names.map(name => der(0x82, Buffer.from(name, 'ascii'))),
    ...addresses.map(address => der(0x87, addressBytes(address))),
  ]
  return der(SEQUENCE, id(oid.subjectAltName), der(OCTET_STRING, der(SEQUENCE, ...entries)))
}

/** It may sign (itself): so that a client can be told to trust just this one. */
function authority(): Buffer {
  const constraint = der(SEQUENCE, der(BOOLEAN, Buffer.from([0xff])))
  return der(SEQUENCE, id(oid.basicConstraints), der(BOOLEAN, Buffer.from([0xff])), der(OCTET_STRING, constraint))
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail = ''] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16)))
  const front = groups(head)
  const back = groups(tail)
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back]
  return Buffer.from(all.flatMap(group => [group >> 8, group & 0xff]))
}

const id = (hex: string) => der(OBJECT_ID, Buffer.from(hex, 'hex'))

function utcTime(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14)
  return der(UTC_TIME, Buffer.from(`${text}Z`, 'ascii'))
}

/** Tag, length, content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
