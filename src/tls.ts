// The certificate of `--https`: the given files, or one of our own making that is remembered, so that it can be trusted
// once for all.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { ExitError, messageOf } from './errors.ts'
import type { Certificate } from './listen.ts'
import { selfSigned } from './self-signed.ts'

export interface OpenCertificate extends Certificate {
  /** Where the certificate is that clients must be told to trust; absent for given files. */
  readonly file?: string
}

const NAMES = ['localhost', 'host.docker.internal']
const ADDRESSES = ['127.0.0.1', '::1']
/** One that ends sooner is made anew. */
const LEFT_MS = 7 * 86_400_000

/** Beside the run files: servers of all data directories share it. */
const certificateFolder = (): string => join(homedir(), '.openwhisk', 'tls')

/**
 * Fails with ExitError 2 when a given file cannot be read or used. `folder` holds `cert.pem` and `key.pem`, for their owner's
 * eyes only; where it cannot be written, the certificate is made for this run.
 */
export function openCertificate(
  cert: string | undefined,
  key: string | undefined,
  folder = certificateFolder(),
): OpenCertificate {
  if (cert !== undefined && key !== undefined) return readPair(cert, key)
  const remembered = recall(folder)
  if (remembered) return remembered
  const made = selfSigned(NAMES, ADDRESSES)
  try {
    return remember(folder, made)
  } catch {
    return made
  }
}

/** The remembered pair, if it still serves. */
function recall(folder: string): OpenCertificate | undefined {
  try {
    const file = join(folder, 'cert.pem')
    const pair = { cert: readFileSync(file, 'utf8'), key: readFileSync(join(folder, 'key.pem'), 'utf8') }
    const certificate = new X509Certificate(pair.cert)
    const lasts = Date.parse(certificate.validTo) - Date.now() > LEFT_MS
    const fits = NAMES.every(name => certificate.checkHost(name)) && ADDRESSES.every(ip => certificate.checkIP(ip))
    return lasts && fits && certificate.checkPrivateKey(createPrivateKey(pair.key)) ? { ...pair, file } : undefined
  } catch {
    return undefined
  }
}

/** Each file appears whole; of two servers that start at once the later one's pair stays. */
function remember(folder: string, { cert, key }: Certificate): OpenCertificate {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, 'cert.pem')
  for (const [path, content] of [
    [join(folder, 'key.pem'), key],
    [file, cert],
  ] as const) {
    const half = `${path}.${process.pid}`
    writeFileSync(half, content, { mode: 0o600 })
    renameSync(half, path)
  }
  return { cert, key, file }
}

function readPair(certFile: string, keyFile: string): Certificate {
  const cert = readPem('--cert', certFile, 'a certificate', text => ({ cert: text }))
  const key = readPem('--key', keyFile, 'the private key of --cert', text => ({ cert, key: text }))
  return { cert, key }
}

/** A file's text, when TLS takes it as what it should be. */
function readPem(flag: string, path: string, what: string, contextOf: (text: string) => SecureContextOptions): string {
  const refused = (reason: string, cause: unknown) => new ExitError(2, `${flag}: ${reason}`, { cause })
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw refused(messageOf(error), error)
  }
  try {
    createSecureContext(contextOf(text))
  } catch (error) {
    throw refused(`${path} is not ${what} in PEM (${messageOf(error)})`, error)
  }
  return text
}
