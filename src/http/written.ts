// Answers that were written straight to the socket, and what stands for them where a Response is expected.

/** By which `@hono/node-server` knows an answer that was written to the socket already; nobody else may send it. */
export const ALREADY_SENT = 'x-hono-already-sent'

/** Stand for responses that were written already, by status. */
const written = new Map<number, Response>()

export function alreadyWritten(status: number): Response {
  let response = written.get(status)
  if (response === undefined) {
    response = new Response(null, { status, headers: { [ALREADY_SENT]: 'true' } })
    written.set(status, response)
  }
  return response
}
