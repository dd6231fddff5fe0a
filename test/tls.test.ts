import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ExitError } from '../src/errors.ts'
import { openCertificate } from '../src/tls.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ow-tls-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('openCertificate', () => {
  it('makes a certificate for loopback and containers, for its owner alone', () => {
    const { cert, file } = openCertificate(undefined, undefined, join(folder, 'tls'))
    const certificate = new X509Certificate(cert)
    expect(certificate.checkHost('localhost')).toBe('localhost')
    expect(certificate.checkHost('host.docker.internal')).toBe('host.docker.internal')
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(statSync(join(folder, 'tls')).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, 'tls', 'key.pem')).mode & 0o777).toBe(0o600)
    expect(readFileSync(file ?? '', 'utf8')).toBe(cert)
  })

  it('remembers it, so that clients need to trust it only once', () => {
    const first = openCertificate(undefined, undefined, folder)
    expect(openCertificate(undefined, undefined, folder)).toEqual(first)
  })

  it.each(['cert.pem', 'key.pem'])('makes another one when %s is damaged', name => {
    const first = openCertificate(undefined, undefined, folder)
    writeFileSync(join(folder, name), 'nonsense')
    const second = openCertificate(undefined, undefined, folder)
    expect(second.cert).not.toBe(first.cert)
    expect(openCertificate(undefined, undefined, folder)).toEqual(second)
  })

  it('makes one for the run where none can be kept', () => {
    writeFileSync(join(folder, 'file'), '')
    const made = openCertificate(undefined, undefined, join(folder, 'file', 'tls'))
    expect(made.file).toBeUndefined()
    expect(new X509Certificate(made.cert).checkHost('localhost')).toBe('localhost')
  })

  it('takes given files, and says which one cannot be read', () => {
    const { cert, key } = openCertificate(undefined, undefined, folder)
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    expect(openCertificate(certFile, keyFile, join(folder, 'other'))).toEqual({ cert, key })
    expect(() => openCertificate(certFile, join(folder, 'none'), folder)).toThrow(ExitError)
    expect(() => openCertificate(certFile, join(folder, 'none'), folder)).toThrow(/^--key: /)
  })

  it('says which of the given files is no PEM, or not the other one’s', () => {
    openCertificate(undefined, undefined, folder)
    openCertificate(undefined, undefined, join(folder, 'other'))
    const [cert, key, other] = ['cert.pem', 'key.pem', 'other/key.pem'].map(name => join(folder, name))
    const bad = join(folder, 'bad.pem')
    writeFileSync(bad, 'nonsense')
    const refused = (message: RegExp) =>
      expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message) })
    const given =
      (certFile = '', keyFile = '') =>
      () =>
        openCertificate(certFile, keyFile, folder)
    expect(given(bad, bad)).toThrow(refused(/^--cert: .*bad\.pem is not a certificate in PEM/))
    expect(given(cert, bad)).toThrow(refused(/^--key: .*bad\.pem is not the private key of --cert in PEM/))
    expect(given(cert, other)).toThrow(refused(/^--key: .*mismatch/))
    expect(given(cert, key)).not.toThrow()
  })
})
