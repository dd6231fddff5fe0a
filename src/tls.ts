// The certificate of `--https`: the given files, or one made for this run.

import { readFileSync } from 'node:fs'
import { ExitError } from './errors.ts'
import type { Certificate } from './listen.ts'

/** Fails with ExitError 2 when a file cannot be read. */
export async function openCertificate(cert: string | undefined, key: string | undefined): Promise<Certificate> {
  if (cert !== undefined && key !== undefined) return { cert: readPem('--cert', cert), key: readPem('--key', key) }
  const { selfSigned } = await import('./self-signed.ts')
  return selfSigned(['localhost', 'host.docker.internal'], ['127.0.0.1', '::1'])
}

function readPem(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ExitError(2, `${flag}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
