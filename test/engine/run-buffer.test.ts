import { describe, expect, it } from 'vitest'
import { isExecutable } from '../../src/engine/profile.ts'
import { Run } from '../../src/engine/run.ts'
import { RunBuffer } from '../../src/engine/run-buffer.ts'
import { anAction, anIdentity } from '../builders.ts'

const aRun = (namespace: string, n: number) => {
  const action = anAction()
  if (!isExecutable(action)) throw new Error('a sequence')
  return new Run({
    activationId: `${namespace}${n}`,
    identity: anIdentity({ namespace: { name: namespace, uuid: namespace } }),
    action,
    value: { n },
    init: {},
    transid: 'tid',
    startedAt: 0,
  })
}
const filled = (...ids: string[]) => {
  const buffer = new RunBuffer()
  for (const id of ids) buffer.push(aRun(id.slice(0, 1), Number(id.slice(1))))
  return buffer
}
const order = (buffer: RunBuffer) => buffer.drain().map(run => run.activationId)

describe('RunBuffer', () => {
  it('is first in, first out within a namespace', () => {
    expect(order(filled('a1', 'a2', 'a3'))).toEqual(['a1', 'a2', 'a3'])
  })

  it('lets namespaces take turns', () => {
    expect(order(filled('a1', 'a2', 'a3', 'b1', 'c1', 'b2'))).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  })

  it('shows who is next without taking it', () => {
    const buffer = filled('a1', 'b1')
    expect(buffer.peek()?.activationId).toBe('a1')
    expect(buffer.size).toBe(2)
  })

  it('puts a run back before all others', () => {
    const buffer = filled('a1', 'b1', 'b2')
    buffer.unshift(aRun('b', 0))
    expect(order(buffer)).toEqual(['b0', 'a1', 'b1', 'b2'])
  })

  it('counts what waits', () => {
    const buffer = filled('a1', 'b1')
    expect([buffer.size, buffer.bytes, buffer.memoryMb]).toEqual([2, 14, 512])
    buffer.shift()
    expect([buffer.size, buffer.bytes, buffer.memoryMb]).toEqual([1, 7, 256])
    buffer.shift()
    expect([buffer.size, buffer.bytes, buffer.memoryMb, buffer.shift()]).toEqual([0, 0, 0, undefined])
  })

  it('keeps its order through many thousands', () => {
    const buffer = new RunBuffer()
    const taken: (string | undefined)[] = []
    for (let n = 0; n < 5000; n++) {
      buffer.push(aRun('a', n))
      if (n % 3 === 0) taken.push(buffer.shift()?.activationId)
    }
    expect([...taken, ...order(buffer)]).toEqual(Array.from({ length: 5000 }, (_, n) => `a${n}`))
  })
})

describe('a run that waits', () => {
  it('keeps its arguments as text and gives them back', () => {
    const run = aRun('a', 1)
    run.pack()
    expect([run.valueText, run.value, run.bytes]).toEqual(['{"n":1}', { n: 1 }, 7])
  })
})
