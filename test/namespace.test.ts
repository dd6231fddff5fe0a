import { describe, expect, it } from 'vitest'
import { namespaceOf } from '../src/namespace.ts'

const answer = (status: number, body: unknown, headers?: Record<string, string>) =>
  new Response(JSON.stringify(body), { status, headers })

/** A server that answers an invoke with an id and the requests for its record with these, in turn. */
function aServer(answers: { wait: Response[]; get: Response[] }) {
  const server = {
    url: 'http://localhost',
    fetch: async ({ method }: Request) =>
      method === 'POST'
        ? answer(202, { activationId: 'id' }, { 'x-openwhisk-activation-id': 'id' })
        : (answers.get.shift() ?? answer(500, {})),
    control: async () => answers.wait.shift() ?? answer(500, {}),
  }
  return namespaceOf(server, 'guest', 'uuid:key')
}

describe('invoke', () => {
  const notYet = () => answer(404, { error: 'No such activation.' })

  it('waits for a record as long as it takes', async () => {
    const wait = [...Array.from({ length: 90 }, notYet), answer(200, { activationId: 'id' })]
    const guest = aServer({ wait, get: Array.from({ length: 90 }, notYet) })
    expect(await guest.invoke('slow')).toEqual({ activationId: 'id' })
  })

  it('takes a record that came between two waits', async () => {
    const guest = aServer({ wait: [notYet()], get: [answer(200, { activationId: 'id' })] })
    expect(await guest.invoke('slow')).toEqual({ activationId: 'id' })
  })

  it('ends with its namespace', async () => {
    const guest = aServer({ wait: [notYet()], get: [answer(401, { error: 'no' })] })
    await expect(guest.invoke('slow')).rejects.toMatchObject({ code: 'REQUEST', status: 401 })
  })
})
