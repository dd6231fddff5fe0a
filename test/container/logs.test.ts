import { describe, expect, test } from 'vitest'
import type { CollectedLogs, LogRequest } from '../../src/container/container.ts'
import { logLine, recordWeight, SENTINEL, timestamp } from '../../src/container/log-format.ts'
import { LogCollector } from '../../src/container/logs.ts'
import { fakeClock } from '../fakes/clock.ts'
import { texts } from './driving.ts'

const MEGABYTE = 1024 * 1024
const request = (overrides: Partial<LogRequest> = {}): LogRequest => ({
  limitBytes: 10 * MEGABYTE,
  waitForSentinel: true,
  developerError: false,
  ...overrides,
})

const collectorWith = (options: { drainMs?: number } = {}) => {
  const clock = fakeClock()
  const collector = new LogCollector({ clock, timers: clock, ...options })
  const write = (stream: 'stdout' | 'stderr', text: string) => collector.feed(stream, Buffer.from(text))
  const endLogs = () => {
    write('stdout', `${SENTINEL}\n`)
    write('stderr', `${SENTINEL}\n`)
  }
  return { clock, collector, write, endLogs }
}

/** What is there without waiting; fails when it would have to wait. */
const atOnce = (collected: CollectedLogs | Promise<CollectedLogs>): CollectedLogs => {
  if (collected instanceof Promise) throw new Error('not at once')
  return collected
}

const ISSUE = 'stderr: There was an issue while collecting your logs. Data might be missing.'
const truncated = (bytes: number) =>
  `stderr: Logs were truncated because the total bytes size exceeds the limit of ${bytes} bytes.`
const DEVELOPER_ERROR = 'stderr: The action did not initialize or run as expected. Log data might be missing.'

describe('the form of a line', () => {
  test.each([
    [1_700_000_000_000, '2023-11-14T22:13:20Z'],
    [1_700_000_000_061, '2023-11-14T22:13:20.061Z'],
    [1_700_000_000_100, '2023-11-14T22:13:20.1Z'],
    [1_700_000_000_061.25, '2023-11-14T22:13:20.06125Z'],
    [1_700_000_001_999.5, '2023-11-14T22:13:21.9995Z'],
  ])('stamps %d as %s', (ms, stamp) => {
    expect(timestamp(ms)).toBe(stamp)
  })

  test('pads the stamp to 30 characters', () => {
    expect(logLine(1_700_000_000_061, 'stdout', 'hi')).toBe('2023-11-14T22:13:20.061Z       stdout: hi')
  })

  test.each([
    ['', 0],
    ['abc', 3],
    ['a"b\\c', 7],
    ['\t', 6],
    ['\r', 2],
    ['<&>', 18],
    ['ż', 2],
    ['☃', 3],
    ['💥', 4],
    ['\u2028', 6],
  ])('weighs %j with %d bytes more than an empty line', (text, bytes) => {
    const record = `{"log":"\\n","stream":"stdout","time":"2023-11-14T22:13:20.061234567Z"}\n`
    expect(recordWeight(text)).toBe(record.length + bytes)
  })
})

describe('collecting by sentinels', () => {
  test('answers at once when both sentinels are there', () => {
    const { collector, write, endLogs } = collectorWith()
    write('stdout', 'a\n\nb\n')
    write('stderr', 'c\n')
    endLogs()
    expect(texts(atOnce(collector.collect(request())))).toEqual(['stdout: a', 'stdout: ', 'stdout: b', 'stderr: c'])
  })

  test('puts lines together from any chunks', () => {
    const text = `ż☃💥 one\ntwo\n${SENTINEL}\n`
    for (let size = 1; size < 30; size++) {
      const { collector, write } = collectorWith()
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += size) collector.feed('stdout', bytes.subarray(at, at + size))
      write('stderr', `${SENTINEL}\n`)
      expect(texts(atOnce(collector.collect(request())))).toEqual(['stdout: ż☃💥 one', 'stdout: two'])
    }
  })

  test('copies what it keeps of a chunk', () => {
    const { collector, endLogs } = collectorWith()
    const chunk = Buffer.from('half')
    collector.feed('stdout', chunk)
    chunk.fill('x')
    collector.feed('stdout', Buffer.from(' line\n'))
    endLogs()
    expect(texts(atOnce(collector.collect(request())))).toEqual(['stdout: half line'])
  })

  test('drops a line that holds the sentinel', () => {
    const { collector, write } = collectorWith()
    write('stdout', `kept\nno newline${SENTINEL}\n`)
    write('stderr', `${SENTINEL}\n`)
    expect(texts(atOnce(collector.collect(request())))).toEqual(['stdout: kept'])
  })

  test('leaves to an activation what is its own when the next one fails before all of that is there', async () => {
    const { clock, collector, write } = collectorWith({ drainMs: 5 })
    write('stdout', `one\n${SENTINEL}\n`)
    const first = collector.collect(request())
    write('stdout', 'two\n')
    const second = collector.collect(request({ waitForSentinel: false, developerError: true }))
    await clock.advance(20)
    write('stderr', `late\n${SENTINEL}\n`)
    expect(texts(await first)).toEqual(['stdout: one', 'stderr: late'])
    expect(texts(await second)).toEqual(['stdout: two', DEVELOPER_ERROR])
  })

  test('keeps as much for an activation as its limit allows while others are waited for', async () => {
    const { collector, write, endLogs } = collectorWith()
    const line = `${'x'.repeat(599)}\n`
    write('stdout', `${line}${SENTINEL}\n`)
    const first = collector.collect(request({ limitBytes: 1000 }))
    write('stdout', `${line}${SENTINEL}\n`)
    write('stderr', `${SENTINEL}\n`)
    expect((await first).lines).toHaveLength(1)
    write('stderr', `${SENTINEL}\n`)
    expect(atOnce(collector.collect(request({ limitBytes: 1000 })))).toMatchObject({ failed: false })
    endLogs()
  })

  test('leaves to the next activation what a stream holds after its sentinel', async () => {
    const { collector, write, endLogs } = collectorWith()
    write('stdout', `one\n${SENTINEL}\nlate\n`)
    const waiting = collector.collect(request())
    write('stderr', `error one\n${SENTINEL}\n`)
    expect(texts(await waiting)).toEqual(['stdout: one', 'stderr: error one'])
    endLogs()
    expect(texts(atOnce(collector.collect(request())))).toEqual(['stdout: late'])
  })

  test('keeps activations apart that ended before the first was collected', () => {
    const { collector, write, endLogs } = collectorWith()
    for (const n of [1, 2, 3]) {
      write('stdout', `line ${n}\n`)
      endLogs()
    }
    for (const n of [1, 2, 3]) expect(texts(atOnce(collector.collect(request())))).toEqual([`stdout: line ${n}`])
  })

  test('never stamps a line earlier than the one before', () => {
    const { collector, write, endLogs } = collectorWith()
    for (let i = 0; i < 500; i++) write(i % 2 ? 'stdout' : 'stderr', `${i}\n`)
    endLogs()
    const { lines } = atOnce(collector.collect(request()))
    const seconds = (line: string) => line.slice(0, 30).replace('Z', '').trim()
    // A full second has no fraction at all.
    const stamps = lines.map(line =>
      seconds(line)
        .replace(/^[^.]*$/, '$&.')
        .padEnd(29, '0'),
    )
    expect([...stamps].sort()).toEqual(stamps)
  })

  test('splits a line every 16 KiB', () => {
    const { collector, write, endLogs } = collectorWith()
    write('stdout', `${'x'.repeat(40_000)}\n${'y'.repeat(16_384)}\nz\n`)
    endLogs()
    const lines = texts(atOnce(collector.collect(request())))
    expect(lines.map(line => line.length - 8)).toEqual([16_384, 16_384, 7232, 16_384, 1])
  })

  test('finds a sentinel across the end of a piece', () => {
    const { collector, write } = collectorWith()
    write('stdout', `${'x'.repeat(16_380)}${SENTINEL}\n`)
    write('stderr', `${SENTINEL}\n`)
    const lines = texts(atOnce(collector.collect(request())))
    expect(lines).toEqual([`stdout: ${'x'.repeat(16_380)}`])
  })
})

describe('waiting', () => {
  test('waits for the second sentinel', async () => {
    const { collector, write } = collectorWith()
    write('stdout', `a\n${SENTINEL}\n`)
    const waiting = collector.collect(request())
    write('stderr', `${SENTINEL}\n`)
    expect(await waiting).toMatchObject({ failed: false })
  })

  test('gives up 2 s after the last line', async () => {
    const { clock, collector, write } = collectorWith()
    const waiting = Promise.resolve(collector.collect(request()))
    await clock.advance(1900)
    write('stdout', 'still there\n')
    await clock.advance(1900)
    write('stdout', 'and there\n')
    let settled = false
    waiting.then(() => {
      settled = true
    })
    await clock.advance(1999)
    expect(settled).toBe(false)
    await clock.advance(1)
    const collected = await waiting
    expect(collected.failed).toBe(true)
    expect(texts(collected)).toEqual(['stdout: still there', 'stdout: and there', ISSUE])
    expect(clock.pending).toBe(0)
  })

  test.each([
    [1, 10],
    [5, 10],
    [10, 20],
  ])('gives up on a log limit of %d MB after %d s, whatever still comes', async (limit, seconds) => {
    const { clock, collector, write } = collectorWith()
    const waiting = Promise.resolve(collector.collect(request({ limitBytes: limit * MEGABYTE })))
    let settled = false
    waiting.then(() => {
      settled = true
    })
    for (let i = 0; i < seconds * 2; i++) {
      expect(settled).toBe(false)
      write('stdout', 'x\n')
      await clock.advance(500)
    }
    expect((await waiting).failed).toBe(true)
  })

  test('does not wait when the outputs have ended', () => {
    const { collector, write } = collectorWith()
    write('stdout', 'a\nunfinished')
    collector.end('stdout')
    collector.end('stderr')
    const collected = atOnce(collector.collect(request()))
    expect(texts(collected)).toEqual(['stdout: a', 'stdout: unfinished', ISSUE])
    expect(collected.failed).toBe(true)
  })

  test('ends waiting when the outputs end', async () => {
    const { collector } = collectorWith()
    const waiting = collector.collect(request())
    collector.end('stdout')
    collector.end('stderr')
    expect(texts(await waiting)).toEqual([ISSUE])
  })

  test('takes what is there, and what arrives in a moment, where no sentinel is waited for', async () => {
    const { clock, collector, write } = collectorWith({ drainMs: 20 })
    write('stdout', 'a\n')
    const waiting = collector.collect(request({ waitForSentinel: false, developerError: true }))
    write('stdout', 'b\n')
    await clock.advance(20)
    expect(await waiting).toMatchObject({ failed: false })
    expect(texts(await waiting)).toEqual(['stdout: a', 'stdout: b', DEVELOPER_ERROR])
  })

  test('takes all of it at once when the sentinels are there anyway', () => {
    const { collector, write, endLogs } = collectorWith()
    write('stdout', 'a\n')
    endLogs()
    write('stdout', 'b\n')
    const collected = atOnce(collector.collect(request({ waitForSentinel: false })))
    expect(texts(collected)).toEqual(['stdout: a', 'stdout: b'])
  })
})

describe('the log limit', () => {
  const line = 'x'.repeat(100)
  const weight = recordWeight(line)

  test.each([
    [0, [truncated(3 * weight - 1)]],
    [1, []],
  ])('drops the first line that crosses it, and what follows (%d bytes of room)', (room, last) => {
    const { collector, write, endLogs } = collectorWith()
    const limitBytes = 3 * weight - 1 + room
    write('stdout', `${line}\n${line}\n${line}\n`)
    if (!room) write('stdout', 'short\n')
    const waiting = collector.collect(request({ limitBytes, waitForSentinel: false }))
    endLogs()
    return Promise.resolve(waiting).then(collected => {
      expect(texts(collected).slice(0, 2)).toEqual([`stdout: ${line}`, `stdout: ${line}`])
      // The sentinels weigh something too.
      expect(texts(collected).at(-1)).toBe(last[0] ?? truncated(limitBytes))
    })
  })

  test('puts the line of a developer error after that of the truncation', () => {
    const { collector, write, endLogs } = collectorWith()
    write('stdout', `${line}\n${line}\n`)
    endLogs()
    const asked = request({ limitBytes: weight, waitForSentinel: false, developerError: true })
    expect(texts(atOnce(collector.collect(asked)))).toEqual([`stdout: ${line}`, truncated(weight), DEVELOPER_ERROR])
  })

  test('keeps no more in memory than the limit, and knows that there was more', () => {
    const { collector, write, endLogs } = collectorWith()
    collector.expect(MEGABYTE)
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 500; i++) write('stdout', `${line}\n`.repeat(1000))
    write('stdout', '\n'.repeat(1_000_000))
    endLogs()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * MEGABYTE)
    const collected = atOnce(collector.collect(request({ limitBytes: MEGABYTE })))
    expect(collected.failed).toBe(true)
    expect(texts(collected)).toHaveLength(Math.floor(MEGABYTE / weight) + 1)
    expect(texts(collected).at(-1)).toBe(truncated(MEGABYTE))
  })

  test('of 0 collects nothing, and the sentinels that come later do not end the next activation', async () => {
    const { collector, write, endLogs } = collectorWith()
    write('stdout', 'a\n')
    expect(atOnce(collector.collect(request({ limitBytes: 0 })))).toEqual({ lines: [], failed: false })
    endLogs()
    const waiting = collector.collect(request())
    write('stdout', 'b\n')
    endLogs()
    expect(texts(await waiting)).toEqual(['stdout: b'])
  })
})

describe('listening', () => {
  test('hears lines while nothing is kept', () => {
    const { collector, write, endLogs } = collectorWith()
    const heard: string[] = []
    collector.collect(request({ limitBytes: 0 }))
    collector.onLine(({ stream, line }) => heard.push(`${stream}: ${line}`))
    endLogs()
    write('stderr', 'a\nb')
    write('stderr', 'c\n')
    endLogs()
    expect(heard).toEqual(['stderr: a', 'stderr: bc'])
  })
})
