import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { createLogger, type LogOptions } from '../src/log.ts'

/** The lines that a logger writes. */
function written(options: LogOptions, use: (log: ReturnType<typeof createLogger>) => void): string[] {
  let text = ''
  const log = createLogger({
    ...options,
    write: more => {
      text += more
    },
  })
  use(log)
  log.close()
  return text.split('\n').slice(0, -1)
}

describe('createLogger', () => {
  it('writes one line an event: time, level, message, fields and transaction', () => {
    const [line] = written({}, log => log.info('it happened', { count: 2, to: 'x', transid: 'abc' }))
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}it happened count=2 to=x \[#tid_abc\]$/)
  })

  it('leaves out what is below its level', () => {
    const lines = written({ level: 'warn' }, log => {
      log.debug('a')
      log.info('b')
      log.warn('c')
      expect([log.enabled('info'), log.enabled('error')]).toEqual([false, true])
    })
    expect(lines).toEqual([expect.stringContaining('c')])
  })

  it('shows an error with its stack and its causes', () => {
    const error = new Error('outer', { cause: new Error('inner') })
    const text = written({}, log => log.error('failed', { error })).join('\n')
    expect(text).toMatch(/failed\nError: outer\n {4}at [\s\S]*caused by Error: inner\n {4}at /)
  })

  it('writes JSON lines', () => {
    const [line = ''] = written({ format: 'json' }, log =>
      log.warn('careful', { transid: 'abc', error: new Error('x') }),
    )
    expect(JSON.parse(line)).toMatchObject({
      time: expect.stringMatching(/Z$/),
      level: 'warn',
      message: 'careful',
      transid: 'abc',
      error: expect.stringContaining('Error: x'),
    })
  })

  it('colours only when it is told to', () => {
    const use = (log: ReturnType<typeof createLogger>) => log.info('x')
    expect(written({}, use)[0]).not.toContain('\u001b')
    expect(written({ color: true }, use)[0]).toContain('\u001b[36m')
  })

  it('writes the lines of a moment together, an error at once', async () => {
    const writes: string[] = []
    const log = createLogger({ write: text => writes.push(text) })
    log.info('one')
    log.info('two')
    expect(writes).toEqual([])
    await vi.waitFor(() => expect(writes).not.toEqual([]), { timeout: 15_000 })
    expect(writes.map(text => text.split('\n').length)).toEqual([3])
    log.info('three')
    log.error('four')
    expect(writes).toHaveLength(2)
    log.close()
  })

  it('appends to a file that is its owner’s alone', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ow-log-'))
    const file = join(folder, 'server.log')
    for (const message of ['first', 'second']) {
      const log = createLogger({ file, color: true })
      log.info(message)
      log.close()
    }
    expect(readFileSync(file, 'utf8')).toMatch(/^\S+ info {2}first\n\S+ info {2}second\n$/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    rmSync(folder, { recursive: true })
  })

  it.skipIf(!existsSync('/dev/full'))('drops what a full disk does not take, and says so once', () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const log = createLogger({ file: '/dev/full' })
    log.error('one')
    log.error('two')
    log.close()
    const notes = stderr.mock.calls.flat()
    stderr.mockRestore()
    expect(notes).toEqual([expect.stringContaining('ENOSPC')])
  })
})
