// A load generator in a process of its own, over raw sockets: it shares the machine with what it measures, so it does
// nothing but write the same bytes again when it has read an answer. Told what to do by message, see measure.mjs.

import { connect } from 'node:net'

const HEAD_END = Buffer.from('\r\n\r\n')

/** How long a whole answer is that begins here; undefined while its head is incomplete. */
function lengthOf(data, expected) {
  const end = data.indexOf(HEAD_END)
  if (end < 0) return undefined
  const head = data.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  if (!expected.includes(status)) throw new Error(`${status}: ${data.toString('utf8', end + 4)}`)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)
  if (!length) throw new Error(`no content-length: ${head}`)
  return end + 4 + Number(length[1])
}

/** One connection: calls `answered` for each answer, and sends again while that returns true. */
function talk(place, request, expected, answered) {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...place, path: place.socketPath, noDelay: true })
    let parts
    socket.once('connect', () => socket.write(request))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection was closed')))
    socket.on('data', chunk => {
      const data = parts === undefined ? chunk : Buffer.concat([parts, chunk])
      let length
      try {
        length = lengthOf(data, expected)
      } catch (error) {
        reject(error)
        socket.destroy()
        return
      }
      if (length === undefined || data.length < length) {
        parts = data
        return
      }
      parts = undefined
      if (answered()) socket.write(request)
      else {
        resolve()
        socket.destroy()
      }
    })
  })
}

async function load({ place, request, connections, milliseconds, calls, expected }) {
  const bytes = Buffer.from(request)
  const samples = []
  let count = 0
  const startedAt = performance.now()
  const end = milliseconds === undefined ? Number.POSITIVE_INFINITY : startedAt + milliseconds
  const most = calls ?? Number.POSITIVE_INFINITY
  await Promise.all(
    Array.from({ length: connections }, () => {
      let from = performance.now()
      return talk(place, bytes, expected, () => {
        const now = performance.now()
        samples.push(now - from)
        from = now
        count++
        return now < end && count < most
      })
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  samples.sort((a, b) => a - b)
  const at = q => samples[Math.min(samples.length - 1, Math.floor(samples.length * q))]
  return { rate: count / seconds, count, p50: at(0.5), p99: at(0.99) }
}

process.on('message', task => {
  load(task).then(
    result => process.send({ result }),
    error => process.send({ error: String(error) }),
  )
})
