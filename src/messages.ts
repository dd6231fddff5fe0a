// Every sentence that a client can see, in OpenWhisk's words.
// Grouped by the part that uses it; functions take what the sentence names.

export const messages = {
  resourceDoesNotExist: 'The requested resource does not exist.',
  resourceNotFound: 'The requested resource could not be found.',
  conformance: 'Resource by this name exists but is not in this collection.',
  corrupted: 'Resource is corrupted and cannot be read.',
  internalError: 'There was an internal server error.',
  unavailable: 'The server is currently unavailable (because it is overloaded or down for maintenance).',
} as const
