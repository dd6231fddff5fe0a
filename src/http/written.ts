// Answers that were written straight to the socket, and what stands for them where a Response is expected.

/** Stand for responses that were written already, by status; `@hono/node-server` knows them by this header. */
const written = new Map<number, Response>()

export function alreadyWritten(status: number): Response {
  let response = written.get(status)
  if (response === undefined) {
    response = new Response(null, { status, headers: { 'x-hono-already-sent': 'true' } })
    written.set(status, response)
  }
  return response
}
