// Sentences of the API gateway and of the actions that manage it, in the reference's words.

export const gatewayMessages = {
  // Requests to the management actions.
  authKeyRequired: 'A valid auth key is required.',
  invalidAuthentication: 'Invalid authentication.',
  apidocRequired: 'apidoc is required.',
  apidocUnparsable: 'apidoc field cannot be parsed. Ensure it is valid JSON.',
  apidocType: (type: string) => `apidoc field is of type ${type} and should be a JSON object or a JSON string.`,
  /** OpenWhisk: the first four of these have no full stop. */
  apidocMissing: (field: string) => `apidoc is missing the ${field} field${field === 'action' ? '.' : ''}`,
  actionMissing: (field: string) => `action is missing the ${field} field.`,
  swaggerExclusive: 'swagger and gatewayBasePath are mutually exclusive and cannot be specified together.',
  swaggerUnparsable: 'swagger field cannot be parsed. Ensure it is valid JSON.',
  swaggerType: (type: string) => `swagger field is ${type} and should be an object or a JSON string.`,
  swaggerMissing: (field: string) => `swagger is missing the ${field} field.`,
  outputFormat: 'Invalid outputFormat value. Valid values are: apigw, swagger',
  basepathRequired: 'basepath is required.',
  pathRequired: 'When specifying an operation, the path is required.',

  // Their failures.
  creationFailure: (detail: string) => `API creation failure: ${detail}`,
  deletionFailure: (detail: string) => `API deletion failure: ${detail}`,
  generationError: (detail: string) => `API swagger generation error: ${detail}`,
  noWebActionUrl: (url: string) => `'${url}' is not the URL of a web action`,
  gatewayRefused: (status: number, message: string) =>
    `Unable to configure the API Gateway (status code ${status}): ${JSON.stringify({ status, message: `Error: ${message}` })}`,
  basePathHasParameters: (path: string) =>
    `The base path (${path}) cannot have parameters. Only the relative path supports path parameters.`,
  httpResponseNeeded: "The action must use a response type of '.http' in order to receive the path parameters.",
  requestPathNeeded: (id: string) =>
    `The target-url for operationId '${id}' must end in '$(request.path)' in order for actions to receive the path parameters.`,
  parameterUndefined: (name: string, path: string) =>
    `The parameter '${name}' defined in path '${path}' does not match any of the parameters defined for the path in the swagger file.`,
  /** OpenWhisk: what the JavaScript engine says where a document lacks a part that is needed. */
  readingUndefined: (member: string) => `Cannot read properties of undefined (reading '${member}')`,
  noSuchApi: (key: string) => `API '${key}' does not exist.`,
  noSuchPath: (path: string) => `path '${path}' does not exist in the API`,
  noSuchOperation: (path: string, verb: string) => `path '${path}' with operation '${verb}' does not exist in the API`,

  // What the gateway refuses in a document.
  pathBeginning: "Resource path must begin with '/'.",
  illegalCharacter: (where: 'resource path' | 'basePath') => `${where} contains illegal character "'".`,
  verbNotSupported: (verb: string) => `Resource verb '${verb}' not supported.`,
  backendMethodNotSupported: (verb: string) => `backendMethod '${verb}' not supported.`,
  basePathTaken: 'basePath not unique for given tenant.',
  emptyResources: 'Empty resources object.',
  emptyOperations: "Missing or empty field 'operations' or in resource path object.",
  backendMethodMissing: (verb: string) => `Missing field 'backendMethod' for '${verb}' operation.`,
  caseMissing: (id: string, verb: string, path: string) =>
    `No case of the operation-switch serves operationId '${id}' of ${verb.toUpperCase()} ${path}.`,

  // Calls of APIs.
  notFound: 'Not found.',
  verbUnknown: 'Whoops. Verb not supported.',
  unauthorized: 'Unauthorized',
  fieldRequired: (field: string) => `${field} required`,
  secretMismatch: 'Secret mismatch or not subscribed to this api.',
  noAuthorization: 'No Authorization header provided',
  tokenRefused: "Token didn't work or provider doesn't support OpenID connect. ",
  rateLimitExceeded: 'Rate limit exceeded',
  oops: 'Oops. Something went wrong. Check your URI and try again.',
  managedEndpoints: 'You have hit the api gateway managed endpoints.',
  ready: 'Status: Gateway ready.',

  // The management API.
  unknownApi: (id: string) => `Unknown API id ${id}`,
  missingField: (field: string) => `Missing field '${field}' in request body.`,
  missingBody: 'Missing request body',
  invalidRequest: 'Invalid request',
  subscriptionCreated: (clientId: string, artifactId: string) =>
    `Subscription '${clientId}' created for API '${artifactId}'`,
  subscriptionMissing: "Subscription doesn't exist.",
} as const
